//! The body of a request: read and hashed where a payment is bound to it, else passed on as it comes.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, LengthLimitError, Limited, StreamBody};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::answer::full;
use super::upstream::body_error;
use crate::selling::serve::Body;

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTaken {
    /// Larger than the route allows: 413.
    #[error("the request's body is larger than this route allows")]
    TooLarge,
    /// It did not arrive in time: 408.
    #[error("the request's body did not arrive in time")]
    Slow,
    /// It broke off: 400.
    #[error("the request's body broke off")]
    Broken,
}

/// A body to send on.
pub(super) enum Taken {
    /// It is here.
    Whole(Bytes),
    /// It is still coming, so long if that was declared.
    Coming(Body, Option<u64>),
}

impl Taken {
    /// The body for the upstream.
    pub(super) fn into_body(self) -> Body {
        match self {
            Self::Whole(bytes) => full(bytes),
            Self::Coming(body, _) => body,
        }
    }

    /// Its length, if that is known. A body without one goes on in chunks.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Coming(_, length) => *length,
        }
    }
}

/// A body that trickles in, a piece within each idle time, is given up after so many of them.
const IDLE_TIMES: u32 = 10;

/// Reads a body whole, with its SHA-256 in lower-case hex unless it is empty. `idle` is the time between two
/// pieces.
pub(super) async fn whole(
    body: Incoming,
    cap: usize,
    idle: Duration,
) -> Result<(Taken, Option<String>), NotTaken> {
    if body.is_end_stream() {
        return Ok((Taken::Whole(Bytes::new()), None));
    }
    // What is declared too large is refused before a byte of it is asked for.
    if body.size_hint().lower() > cap as u64 {
        return Err(NotTaken::TooLarge);
    }
    let pieces = passing(Limited::new(body, cap), idle);
    let bytes = match timeout(idle * IDLE_TIMES, pieces.collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => return Err(NotTaken::Slow),
        Ok(Err(error))
            if error
                .get_ref()
                .is_some_and(|cause| cause.is::<LengthLimitError>()) =>
        {
            return Err(NotTaken::TooLarge);
        }
        Ok(Err(_)) => return Err(NotTaken::Broken),
        Err(_) => return Err(NotTaken::Slow),
    };
    let digest = (!bytes.is_empty()).then(|| hex(&Sha256::digest(&bytes)));
    Ok((Taken::Whole(bytes), digest))
}

/// Passes a body on as it comes, up to `cap` bytes and with at most `idle` between two pieces.
pub(super) fn coming(body: Incoming, cap: usize, idle: Duration) -> Result<Taken, NotTaken> {
    if body.is_end_stream() {
        return Ok(Taken::Whole(Bytes::new()));
    }
    if body.size_hint().lower() > cap as u64 {
        return Err(NotTaken::TooLarge);
    }
    let length = body.size_hint().exact();
    Ok(Taken::Coming(passing(Limited::new(body, cap), idle), length))
}

/// A body as it comes, with at most `idle` between two pieces. Trailers stay here: they are for one hop.
pub(super) fn passing<B>(body: B, idle: Duration) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let frames = stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match timeout(idle, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                Some((Ok(Frame::data(data)), Some(body)))
            }
            Ok(Some(Err(error))) => Some((Err(body_error(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(ErrorKind::TimedOut.into()), None)),
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(frames.boxed()))
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
