use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::SigningKey;

/// What the server says at one path.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with this body.
    Document(Vec<u8>),
    /// This status and nothing else.
    Status(u16),
    /// A redirect to this address.
    Redirect(String),
    /// The head of an answer, and never its body.
    Silence,
}

/// A key server. Dropping it closes it.
#[derive(Debug)]
pub struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Debug, Default)]
struct Shared {
    answers: Mutex<BTreeMap<String, Answer>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl KeyServer {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<KeyServer> {
        KeyServer::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts one at an address.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start_at(address: SocketAddr) -> Result<KeyServer> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        // Not gracefully: a client that waits for a silent answer would hold the server up.
        tokio::spawn(async move {
            tokio::select! {
                served = axum::serve(listener, router).into_future() => served,
                () = stopped => Ok(()),
            }
        });
        Ok(KeyServer {
            address,
            shared,
            _stop: stop.drop_guard(),
        })
    }

    /// An address on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says this at a path from now on. What is nowhere said is 404.
    pub fn say(&self, path: &str, answer: Answer) {
        self.shared.answers.lock().insert(path.to_owned(), answer);
    }

    /// Publishes keys at a path.
    ///
    /// # Errors
    /// The library fails.
    pub fn publish(&self, path: &str, keys: &[&SigningKey]) -> Result<()> {
        let jwks: Vec<Value> = keys.iter().map(|key| key.jwk()).collect::<Result<_>>()?;
        self.say(
            path,
            Answer::Document(json!({ "keys": jwks }).to_string().into_bytes()),
        );
        Ok(())
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.shared.asked.lock().get(path).copied().unwrap_or_default()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    *shared.asked.lock().entry(uri.path().to_owned()).or_default() += 1;
    let said = shared.answers.lock().get(uri.path()).cloned();
    match said {
        Some(Answer::Document(body)) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Some(Answer::Redirect(to)) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Some(Answer::Status(status)) => StatusCode::from_u16(status).unwrap_or_default().into_response(),
        Some(Answer::Silence) => {
            Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>())
                .into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
