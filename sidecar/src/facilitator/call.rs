//! One HTTP request, and how far it came. Whether a request was written decides whether money may have
//! moved, so that is the first thing to know about any failure.

use std::error::Error;
use std::time::Duration;

use insforge_protocol::okx::Call;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, redirect};

use super::{BODY_CAP, IDLE_TIMEOUT};
use crate::tls::{self, TlsError};

/// Why no HTTP client could be made.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// Sends requests to one host.
pub struct HttpCaller {
    client: Client,
    base_url: String,
}

/// A call, and what the answer said about time.
pub(super) struct Called {
    pub(super) call: Call,
    /// `Date` of the answer, unix milliseconds.
    pub(super) date_ms: Option<u64>,
}

impl HttpCaller {
    /// A caller with its own connections. Redirects are not followed: a payment goes to the host that was
    /// configured and to no other. Proxies of the environment are used, except to reach this machine.
    ///
    /// # Errors
    /// [`CallError`] when TLS or the client cannot be set up.
    pub fn new(base_url: &str, connect_timeout: Duration, timeout: Duration) -> Result<Self, CallError> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client()?)
            .connect_timeout(connect_timeout)
            .timeout(timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("insforge-sidecar/", env!("CARGO_PKG_VERSION")));
        let client = if is_local(base_url) {
            client.no_proxy()
        } else {
            client
        };
        let client = client.build().map_err(|error| CallError::Client(chain(&error)))?;
        Ok(Self {
            client,
            base_url: base_url.to_owned(),
        })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn send(&self, method: Method, path: &str, headers: HeaderMap, body: String) -> Called {
        let request = self
            .client
            .request(method, format!("{}{path}", self.base_url))
            .headers(headers);
        let request = if body.is_empty() {
            request
        } else {
            request.body(body)
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Called {
                    call: failed(error),
                    date_ms: None,
                };
            }
        };
        let date_ms = response
            .headers()
            .get(DATE)
            .and_then(|v| v.to_str().ok())
            .and_then(http_date_ms);
        let retry_after = retry_after(response.headers(), date_ms);
        let status = response.status().as_u16();
        let call = match read_body(response).await {
            Ok(body) => Call::Status {
                status,
                retry_after,
                body,
            },
            Err(why) => Call::Cut(why),
        };
        Called { call, date_ms }
    }
}

/// Only an error of connecting (which includes names and the TLS handshake) proves that no request left;
/// a timeout alone may have come at any time.
fn failed(error: reqwest::Error) -> Call {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        Call::NotSent(chain(&error))
    } else {
        Call::Cut(chain(&error))
    }
}

async fn read_body(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_CAP => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(format!("the answer is longer than {BODY_CAP} bytes")),
            Ok(None) => return Ok(body),
            Err(error) => return Err(chain(&error.without_url())),
        }
    }
}

/// `Retry-After` as seconds or as a date (RFC 9110 §10.2.3); a date is compared with the server's own.
fn retry_after(headers: &HeaderMap, date_ms: Option<u64>) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(Duration::from_millis(
        http_date_ms(value)?.saturating_sub(date_ms?),
    ))
}

fn http_date_ms(value: &str) -> Option<u64> {
    let since = httpdate::parse_http_date(value)
        .ok()?
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    u64::try_from(since.as_millis()).ok()
}

fn is_local(base_url: &str) -> bool {
    reqwest::Url::parse(base_url).ok().is_some_and(|url| {
        url.host_str().is_some_and(|host| {
            let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
            host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        })
    })
}

/// An error with its causes, outermost first.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
