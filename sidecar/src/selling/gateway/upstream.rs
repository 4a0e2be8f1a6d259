//! Calls of upstreams. Redirects are the client's to follow; nothing is retried here but a request that was
//! never written, because its pooled connection had just been closed.

use std::io;
use std::time::Duration;

use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::catalog::Upstream;
use crate::selling::serve::Body;
use crate::tls::{self, TlsError};

/// Time to connect; an upstream is near.
const CONNECT: Duration = Duration::from_secs(5);
/// Idle connections are dropped before most servers drop them.
const IDLE: Duration = Duration::from_secs(15);

/// Why an upstream gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failed {
    /// It could not be reached, or broke off.
    #[error("the endpoint behind the gateway cannot be reached")]
    Broken,
    /// It did not begin to answer in time.
    #[error("the endpoint behind the gateway did not answer in time")]
    Late,
    /// Its answer has no length and is too large to be kept, and the client speaks HTTP/1.0, which cannot tell when such an
    /// answer breaks off.
    #[error("this answer needs HTTP/1.1 between client and gateway (nginx: proxy_http_version 1.1)")]
    NeedsHttp11,
    /// What the client asks cannot be a request to it.
    #[error("the request cannot be sent on")]
    Unsendable,
}

/// Connections to upstreams.
pub(super) struct Upstreams {
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

/// What is asked of an upstream.
pub(super) struct Ask {
    pub(super) method: Method,
    /// As the client sent it.
    pub(super) path_and_query: PathAndQuery,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Upstreams {
    /// A client with a pool of its own.
    pub(super) fn new() -> Result<Self, TlsError> {
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(CONNECT));
        http.set_nodelay(true);
        http.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client })
    }

    /// Asks, and waits for the head of the answer.
    pub(super) async fn ask(
        &self,
        upstream: &Upstream,
        ask: Ask,
        patience: Duration,
    ) -> Result<Response<Incoming>, Failed> {
        let target = format!("{}{}", upstream.prefix, ask.path_and_query);
        let uri = Uri::builder()
            .scheme(upstream.scheme.clone())
            .authority(upstream.authority.clone())
            .path_and_query(target)
            .build()
            .map_err(|_| Failed::Unsendable)?;
        let mut request = Request::new(ask.body);
        *request.method_mut() = ask.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = ask.headers;
        match timeout(patience, self.client.request(request)).await {
            // Nobody asked for another protocol: what follows would be no answer.
            Ok(Ok(answer)) if answer.status().is_informational() => {
                tracing::warn!(upstream = %upstream.authority, status = %answer.status(), "an upstream did not answer");
                Err(Failed::Broken)
            }
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::warn!(upstream = %upstream.authority, error = %Causes(&error), "an upstream failed");
                Err(Failed::Broken)
            }
            Err(_) => {
                tracing::warn!(upstream = %upstream.authority, "an upstream did not answer in time");
                Err(Failed::Late)
            }
        }
    }
}

/// An error with everything that caused it: hyper's own text says only that something failed.
struct Causes<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(next) = cause {
            write!(f, ": {next}")?;
            cause = next.source();
        }
        Ok(())
    }
}

/// Turns whatever went wrong with a body into one kind of error.
pub(super) fn body_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
}
