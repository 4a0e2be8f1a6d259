use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use insforge_protocol::jwt::MAX_TOKEN_BYTES;
use serde_json::Value;
use tokio::time::timeout;

use super::address::TrustedProxies;
use super::answer;
use super::cors::Origins;
use super::exchange::Exchange;
use super::request::{BadRequest, subject_token};
use crate::selling::serve::{Body, Handler};

/// A token, percent-encoded at worst in part, and the other parameters.
const MAX_BODY_BYTES: usize = 2 * MAX_TOKEN_BYTES;
/// Time for the body to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// `POST /token`.
pub struct Endpoint {
    /// Decides.
    pub exchange: Arc<Exchange>,
    /// Whose pages may ask.
    pub origins: Origins,
    /// Who may say for whom it asks.
    pub proxies: TrustedProxies,
}

impl Handler for Endpoint {
    async fn handle(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let mut answer = match (request.uri().path(), request.method()) {
            ("/token", &Method::POST) => return self.token(request, peer).await,
            ("/token", &Method::OPTIONS) => {
                let mut answer = empty(StatusCode::NO_CONTENT);
                self.origins
                    .mark_preflight(request.headers(), answer.headers_mut());
                answer
            }
            ("/token", _) => {
                let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
                answer
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
                answer
            }
            _ => empty(StatusCode::NOT_FOUND),
        };
        answer
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

impl Endpoint {
    async fn token(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let client = self.proxies.client(peer.ip(), &parts.headers);
        let mut retry_after = None;
        let token = read(body)
            .await
            .and_then(|body| subject_token(&parts.headers, &body));
        let (status, body) = match token {
            Err(bad) => answer::bad_request(bad),
            Ok(token) => match self.exchange.exchange(&token, Some(client)).await {
                Ok(granted) => (StatusCode::OK, granted.body()),
                Err(refused) => {
                    retry_after = refused.retry_after();
                    answer::refused(&refused)
                }
            },
        };
        let mut answer = json(status, &body);
        if let Some(wait) = retry_after {
            // Rounded up: to come back too early is to be refused again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        self.origins.mark(&parts.headers, answer.headers_mut());
        answer
    }
}

async fn read(body: Incoming) -> Result<Bytes, BadRequest> {
    let whole = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    match whole.map_err(|_| BadRequest::Slow)? {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BadRequest::TooLong),
        Err(_) => Err(BadRequest::Slow),
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    answer
}

/// RFC 6749 §5.1: neither the token nor a refusal is anybody else's.
fn json(status: StatusCode, body: &Value) -> Response<Body> {
    let body = Bytes::from(body.to_string());
    let mut answer = Response::new(Full::from(body).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

#[cfg(test)]
mod tests;
