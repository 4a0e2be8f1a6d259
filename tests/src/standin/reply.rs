use std::future::pending;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::Value;

/// What goes back to the client.
#[derive(Debug)]
pub(super) enum Reply {
    Json(u16, Value),
    /// With `Retry-After`, if given.
    Limited(Option<u32>, Value),
    Page(u16, &'static str),
    Truncated(Value),
    /// Milliseconds between the halves of the body.
    Slow(u64, Value),
    Reset,
    Silence,
}

/// Marks a response in whose place the connection is to be reset.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResetInstead;

impl Reply {
    /// A word for the call log.
    pub(super) fn label(&self) -> String {
        match self {
            Reply::Json(200, _) => "answered".to_owned(),
            Reply::Json(status, _) | Reply::Page(status, _) => format!("http {status}"),
            Reply::Limited(..) => "http 429".to_owned(),
            Reply::Truncated(_) => "truncated".to_owned(),
            Reply::Slow(..) => "slow".to_owned(),
            Reply::Reset => "reset".to_owned(),
            Reply::Silence => "silence".to_owned(),
        }
    }

    /// Turns it into a response; [`Reply::Silence`] never comes to that.
    pub(super) async fn into_response(self) -> Response<Body> {
        match self {
            Reply::Json(status, value) => json(status, &value),
            Reply::Limited(retry_after, value) => {
                let mut response = json(429, &value);
                if let Some(seconds) = retry_after {
                    response
                        .headers_mut()
                        .insert(RETRY_AFTER, HeaderValue::from(seconds));
                }
                response
            }
            Reply::Page(status, text) => {
                let mut response = Response::new(Body::from(text));
                *response.status_mut() = code(status);
                response
            }
            Reply::Truncated(value) => truncated(&value),
            Reply::Slow(pause, value) => slow(&value, pause),
            Reply::Reset => {
                let mut response = Response::new(Body::empty());
                response.extensions_mut().insert(ResetInstead);
                response
            }
            Reply::Silence => pending().await,
        }
    }
}

fn json(status: u16, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = code(status);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Promises the whole length, sends half, and breaks off.
fn truncated(value: &Value) -> Response<Body> {
    let (length, half, _) = halves(value);
    let parts = [Ok(half), Err(io::Error::from(io::ErrorKind::BrokenPipe))];
    sized(length, Body::from_stream(stream::iter(parts)))
}

/// Sends half, and the rest later.
fn slow(value: &Value, pause: u64) -> Response<Body> {
    let (length, first, second) = halves(value);
    let later = async move {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(second)
    };
    let parts = stream::iter([Ok::<_, io::Error>(first)]).chain(stream::once(later));
    sized(length, Body::from_stream(parts))
}

fn halves(value: &Value) -> (usize, Bytes, Bytes) {
    let mut first = Bytes::from(value.to_string());
    let length = first.len();
    let second = first.split_off(length / 2);
    (length, first, second)
}

fn sized(length: usize, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
