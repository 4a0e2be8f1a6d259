//! Passing an answer on while it comes, and keeping a copy as long as it is small enough.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::upstream::body_error;
use crate::selling::serve::Body;

/// Pieces that wait for a slow client before the upstream is read on.
const WINDOW: usize = 4;

/// How the reading of an answer ended.
pub(super) enum Ended {
    /// Whole. The last piece has not been passed on yet; the copy is `None` where it grew too large.
    Whole {
        /// The client, if it took every piece so far.
        out: Option<Out>,
        /// What is still to be passed on.
        last: Option<Bytes>,
        /// Everything, the last piece included.
        copy: Option<Vec<u8>>,
    },
    /// The upstream broke off, or fell silent.
    Broken,
    /// The client went away, and there is no copy for it to come back to.
    Abandoned,
}

/// The client's end of an answer. Dropped before [`Out::end`], the answer breaks off, so that the client does not take
/// for whole what is not.
pub(super) struct Out(mpsc::Sender<Piece>);

enum Piece {
    Data(Bytes),
    End,
}

/// A body and the end to fill it from.
pub(super) fn channel() -> (Out, Body) {
    let (sender, receiver) = mpsc::channel(WINDOW);
    let frames = stream::try_unfold(receiver, |mut receiver: mpsc::Receiver<Piece>| async {
        match receiver.recv().await {
            Some(Piece::Data(piece)) => Ok(Some((Frame::data(piece), receiver))),
            Some(Piece::End) => Ok(None),
            None => Err(io::Error::other("the answer broke off")),
        }
    });
    (
        Out(sender),
        BodyExt::boxed_unsync(StreamBody::new(Box::pin(frames))),
    )
}

impl Out {
    /// Passes a piece on; false if the client went away or takes too long.
    pub(super) async fn send(&self, piece: Bytes, patience: Duration) -> bool {
        self.pass(Piece::Data(piece), patience).await
    }

    /// Whether the client went away.
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }

    /// Passes the last piece on, and that it is the last.
    pub(super) async fn end(self, last: Option<Bytes>, patience: Duration) {
        if let Some(last) = last
            && !self.send(last, patience).await
        {
            return;
        }
        self.pass(Piece::End, patience).await;
    }

    async fn pass(&self, piece: Piece, patience: Duration) -> bool {
        matches!(timeout(patience, self.0.send(piece)).await, Ok(Ok(())))
    }
}

/// Reads an answer to its end, passing on every piece but the last. A client that goes away, or does not take a piece in
/// time, is broken off; that does not stop the reading while there is a copy: it can come back for it.
pub(super) struct Relay {
    /// The upstream's answer.
    pub(super) body: Incoming,
    /// The client.
    pub(super) out: Out,
    /// What was read before.
    pub(super) head: Vec<Bytes>,
    /// Largest copy.
    pub(super) cap: usize,
    /// Time between two pieces, in either direction.
    pub(super) idle: Duration,
}

impl Relay {
    /// Reads.
    pub(super) async fn run(mut self) -> Ended {
        let mut copy = Some(Vec::new());
        let mut last: Option<Bytes> = None;
        let mut out = Some(self.out);
        let mut head = std::mem::take(&mut self.head).into_iter();
        loop {
            let piece = match head.next() {
                Some(piece) => piece,
                None => match next_piece(&mut self.body, self.idle).await {
                    Ok(Some(piece)) => piece,
                    Ok(None) => break,
                    Err(_) => return Ended::Broken,
                },
            };
            keep(&mut copy, &piece, self.cap);
            if let Some(before) = last.replace(piece)
                && let Some(client) = &out
                && !client.send(before, self.idle).await
            {
                out = None;
            }
            if out.is_none() && copy.is_none() {
                return Ended::Abandoned;
            }
        }
        Ended::Whole { out, last, copy }
    }
}

/// What was read of an answer that is held back.
pub(super) enum Held {
    /// Everything.
    Whole(Vec<u8>),
    /// More than fits; this much was read, the rest is still to come.
    TooLarge(Vec<Bytes>, Incoming),
    /// The upstream broke off, or fell silent.
    Broken,
}

/// Reads an answer without passing anything on, as long as it fits.
pub(super) async fn hold(mut body: Incoming, cap: usize, idle: Duration) -> Held {
    let (mut pieces, mut length) = (Vec::new(), 0);
    loop {
        match next_piece(&mut body, idle).await {
            Ok(Some(piece)) => {
                length += piece.len();
                pieces.push(piece);
                if length > cap {
                    return Held::TooLarge(pieces, body);
                }
            }
            Ok(None) => return Held::Whole(pieces.concat()),
            Err(_) => return Held::Broken,
        }
    }
}

/// The next piece of data; trailers are for the next hop only.
async fn next_piece(body: &mut Incoming, idle: Duration) -> Result<Option<Bytes>, io::Error> {
    loop {
        match timeout(idle, body.frame()).await {
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(body_error(error)),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            }
        }
    }
}

fn keep(copy: &mut Option<Vec<u8>>, piece: &Bytes, cap: usize) {
    match copy {
        Some(kept) if kept.len() + piece.len() <= cap => kept.extend_from_slice(piece),
        _ => *copy = None,
    }
}
