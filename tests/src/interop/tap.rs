use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use insforge_protocol::x402::header;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http;

/// Headers that payments come in.
const PAYMENTS: [&str; 2] = ["payment-signature", "x-payment"];

/// A request and its answer, as they went over the wire.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) path: String,
    /// Value of the payment header, if there was one.
    pub(super) payment: Option<String>,
    pub(super) status: u16,
    /// Whether the answer asks for a payment to be signed.
    pub(super) challenge: bool,
    /// The decoded settlement in the answer's headers.
    pub(super) settlement: Option<Value>,
}

struct Wire {
    seller: SocketAddr,
    seen: Mutex<Vec<Exchange>>,
}

/// A listener in front of a seller that passes everything on and remembers it: what the clients say of
/// themselves is not what is checked.
pub(super) struct Tap {
    pub(super) address: SocketAddr,
    wire: Arc<Wire>,
    task: JoinHandle<()>,
}

impl Tap {
    /// Listens in front of `seller`.
    pub(super) async fn start(seller: SocketAddr) -> Result<Tap> {
        let seen = Mutex::default();
        let wire = Arc::new(Wire { seller, seen });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(pass_on).with_state(wire.clone());
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Tap { address, wire, task })
    }

    /// What went over the wire for a path.
    pub(super) fn seen(&self, path: &str) -> Vec<Exchange> {
        let seen = self.wire.seen.lock();
        seen.iter().filter(|one| one.path == path).cloned().collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(State(wire): State<Arc<Wire>>, request: Request) -> Response {
    match relay(&wire, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

async fn relay(wire: &Wire, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let payment = PAYMENTS.iter().find_map(|name| text(&head.headers, name));
    let body = axum::body::to_bytes(body, 1 << 20).await?;
    let url = format!("http://{}{}", wire.seller, head.uri);
    // The host stays the buyer's: middlewares make the resource's address of it.
    let asked = http::client()?
        .request(head.method, url)
        .headers(head.headers)
        .body(body);
    let answer = asked.send().await.context("the seller does not answer")?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await?;
    let told = ["payment-response", "x-payment-response"];
    wire.seen.lock().push(Exchange {
        path,
        payment,
        status: status.as_u16(),
        challenge: headers.contains_key("payment-required") || offers(&body),
        settlement: told
            .iter()
            .find_map(|name| text(&headers, name))
            .and_then(|value| header::decode(&value).ok()),
    });
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().remove("transfer-encoding");
    Ok(response)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// v1 asks in the body.
fn offers(body: &[u8]) -> bool {
    let message: Value = serde_json::from_slice(body).unwrap_or_default();
    message["accepts"]
        .as_array()
        .is_some_and(|accepts| !accepts.is_empty())
}
