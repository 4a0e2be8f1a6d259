use std::future::pending;
use std::io;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

/// What goes back to the client.
#[derive(Debug)]
pub(super) enum Reply {
    Json(u16, Value),
    /// With `Retry-After`, if given.
    Limited(Option<u32>, Value),
    Page(u16, &'static str),
    Truncated(Value),
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
    let text = value.to_string();
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let parts = [Ok(half), Err(io::Error::from(io::ErrorKind::BrokenPipe))];
    let mut response = Response::new(Body::from_stream(stream::iter(parts)));
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
