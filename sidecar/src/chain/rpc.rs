use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Url, redirect};
use serde_json::{Value, json};

use super::RpcError;
use super::pace::Pace;
use crate::facilitator::CallError;
use crate::secret::Secret;
use crate::tls;

/// Longest answer that is read: a search of logs may be long, and is then asked for in smaller ranges.
const BODY_CAP: usize = 8 * 1024 * 1024;
/// Longest text kept of an endpoint's words.
const KEEP_CHARS: usize = 200;
/// How long calls rest after a 429 that names no time.
const LIMITED: Duration = Duration::from_secs(1);
/// Longest wait that a provider's `Retry-After` can demand.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One JSON-RPC 2.0 endpoint over HTTP.
pub struct Rpc {
    client: Client,
    url: Secret<Url>,
    label: String,
    pace: Pace,
    requests: AtomicU64,
}

impl Rpc {
    /// An endpoint with its own connections. Redirects are not followed; proxies of the environment are used,
    /// except to reach this machine.
    ///
    /// # Errors
    /// [`CallError`] when TLS or the client cannot be set up.
    pub fn new(url: Url, label: String, timeout: Duration, per_second: f64) -> Result<Self, CallError> {
        let builder = Client::builder()
            .tls_backend_preconfigured(tls::client()?)
            .connect_timeout(timeout.min(Duration::from_secs(5)))
            .timeout(timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("insforge-sidecar/", env!("CARGO_PKG_VERSION")));
        let builder = if is_local(&url) {
            builder.no_proxy()
        } else {
            builder
        };
        let client = builder
            .build()
            .map_err(|error| CallError::Client(error.without_url().to_string()))?;
        Ok(Self {
            client,
            url: Secret::new(url),
            label,
            pace: Pace::new(per_second),
            requests: AtomicU64::new(1),
        })
    }

    /// Its name in evidence and logs: host and port, never the path.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Asks one question and returns the `result`, which may be `null`.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.pace.wait().await;
        let id = self.requests.fetch_add(1, Ordering::Relaxed);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let response = self
            .client
            .post(self.url.expose().clone())
            .header(CONTENT_TYPE, "application/json")
            .body(request.to_string())
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status().as_u16();
        if status == 429 {
            let asked = retry_after(response.headers());
            self.pace.pause(asked.unwrap_or(LIMITED).min(LONGEST_PAUSE)).await;
            return Err(RpcError::Status(status));
        }
        let body = read_body(response).await?;
        match read_answer(&body, id) {
            // Behind an error status, only a JSON-RPC error is an answer; a "result" there is somebody else's.
            Err(RpcError::NotRpc(_)) | Ok(_) if !(200..300).contains(&status) => {
                Err(RpcError::Status(status))
            }
            answer => answer,
        }
    }
}

fn read_answer(body: &[u8], id: u64) -> Result<Value, RpcError> {
    let mut answer: Value = serde_json::from_slice(body).map_err(|_| RpcError::NotRpc("not JSON"))?;
    if answer["jsonrpc"] != "2.0" {
        return Err(RpcError::NotRpc("not version 2.0"));
    }
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let message = error["message"].as_str().unwrap_or("no message");
        return Err(RpcError::Refused {
            code: error["code"].as_i64().unwrap_or(0),
            message: message.chars().take(KEEP_CHARS).collect(),
        });
    }
    // A result is only taken for the question that was asked.
    if answer["id"] != id {
        return Err(RpcError::NotRpc("an answer to another request"));
    }
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(RpcError::NotRpc("neither result nor error")),
    }
}

async fn read_body(mut response: reqwest::Response) -> Result<Vec<u8>, RpcError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_CAP => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(RpcError::TooLong),
            Ok(None) => return Ok(body),
            Err(error) => return Err(unreachable(error)),
        }
    }
}

fn unreachable(error: reqwest::Error) -> RpcError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    RpcError::Unreachable(text)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_for_our_own_request_is_an_answer() {
        let answer = |body: Value| read_answer(body.to_string().as_bytes(), 7);
        assert_eq!(
            answer(json!({"jsonrpc": "2.0", "id": 7, "result": null})),
            Ok(Value::Null)
        );
        for odd in [
            json!({"jsonrpc": "2.0", "id": 8, "result": true}),
            json!({"jsonrpc": "2.0", "result": true}),
            json!({"id": 7, "result": true}),
            json!({"jsonrpc": "2.0", "id": 7}),
            json!([{"jsonrpc": "2.0", "id": 7, "result": true}]),
            json!("0x1"),
        ] {
            assert!(matches!(answer(odd.clone()), Err(RpcError::NotRpc(_))), "{odd}");
        }
    }

    #[test]
    fn an_error_is_no_result_even_beside_one() {
        let both = json!({"jsonrpc": "2.0", "id": 7, "result": true, "error": {"code": -32000, "message": "pruned"}});
        let error = read_answer(both.to_string().as_bytes(), 7);
        assert_eq!(
            error,
            Err(RpcError::Refused {
                code: -32000,
                message: "pruned".to_owned()
            })
        );
    }
}
