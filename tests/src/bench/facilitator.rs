use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::wire::{find, next_message};

const SUPPORTED: &str =
    r#"{"kinds":[{"x402Version":2,"scheme":"exact","network":"eip155:196"}],"extensions":[],"signers":{}}"#;
/// The path under which OKX's second generation answers.
const OKX: &[u8] = b"/api/v6/";
/// Length of `0x` and 40 hex digits.
const ADDRESS_CHARS: usize = 42;

/// A facilitator that says yes to everything after a given time, with a hash of its own for each. It judges
/// nothing and knows no chain: what is measured is whoever calls it. It answers OKX's second generation, and
/// below its root the x402 standard form; `/verify` says yes at once, for it would ask no chain either.
pub(super) struct Facilitator {
    address: SocketAddr,
    counts: Arc<Counts>,
    server: JoinHandle<()>,
}

/// What it has seen.
#[derive(Default)]
pub(super) struct Counts {
    delay_ms: AtomicU64,
    settled: AtomicU64,
    in_flight: Gauge,
    connections: Gauge,
}

/// A number now, and the most it has been.
#[derive(Default)]
struct Gauge {
    now: AtomicU64,
    most: AtomicU64,
}

impl Gauge {
    fn up(&self) {
        self.most.fetch_max(self.now.fetch_add(1, Relaxed) + 1, Relaxed);
    }

    fn down(&self) {
        self.now.fetch_sub(1, Relaxed);
    }
}

impl Facilitator {
    /// Starts one on a free port of 127.0.0.1 that takes `delay` for each answer.
    pub(super) async fn start(delay: Duration) -> Result<Facilitator> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("the facilitator's port")?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        counts.delay_ms.store(u64::try_from(delay.as_millis())?, Relaxed);
        let server = tokio::spawn(serve(listener, counts.clone()));
        Ok(Facilitator {
            address,
            counts,
            server,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes so long for each answer from now on.
    pub(super) fn take(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.counts.delay_ms.store(ms, Relaxed);
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Payments answered.
    pub(super) fn settled(&self) -> u64 {
        self.counts.settled.load(Relaxed)
    }

    /// The most payments that waited for an answer at once.
    pub(super) fn most_in_flight(&self) -> u64 {
        self.counts.in_flight.most.load(Relaxed)
    }

    /// The most connections that were open at once.
    pub(super) fn most_connections(&self) -> u64 {
        self.counts.connections.most.load(Relaxed)
    }
}

impl Drop for Facilitator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, counts: Arc<Counts>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    drop(stream.set_nodelay(true));
                    open.spawn(connection(stream, counts.clone()));
                }
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn connection(mut stream: TcpStream, counts: Arc<Counts>) {
    counts.connections.up();
    let mut buffer = Vec::with_capacity(8192);
    // An error is a client that went away.
    while let Ok(Some(length)) = next_message(&mut stream, &mut buffer).await {
        let answer = answer(&buffer[..length], &counts).await;
        buffer.drain(..length);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
        let response = format!("{head} {}\r\n\r\n{answer}", answer.len());
        if stream.write_all(response.as_bytes()).await.is_err() {
            break;
        }
    }
    counts.connections.down();
}

async fn answer(request: &[u8], counts: &Counts) -> String {
    let line = &request[..find(request, b"\r\n").unwrap_or(request.len())];
    let data = if line.starts_with(b"GET") {
        SUPPORTED.to_owned()
    } else if find(line, b"/verify").is_some() {
        format!(
            r#"{{"isValid":true,"payer":"{}"}}"#,
            payer(request).unwrap_or_default()
        )
    } else {
        settle(request, counts).await
    };
    if find(line, OKX).is_some() {
        format!(r#"{{"code":0,"msg":"","data":{data}}}"#)
    } else {
        data
    }
}

async fn settle(request: &[u8], counts: &Counts) -> String {
    counts.in_flight.up();
    let delay = counts.delay_ms.load(Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let number = counts.settled.fetch_add(1, Relaxed) + 1;
    counts.in_flight.down();
    let payer = payer(request).unwrap_or_default();
    format!(
        r#"{{"success":true,"status":"success","payer":"{payer}","transaction":"0x{number:064x}","network":"eip155:196"}}"#
    )
}

/// The only member of the request that the answer repeats.
fn payer(request: &[u8]) -> Option<&str> {
    const MEMBER: &[u8] = br#""from":""#;
    let at = find(request, MEMBER)? + MEMBER.len();
    std::str::from_utf8(request.get(at..at + ADDRESS_CHARS)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payer_is_found_in_the_body() {
        let address = format!("0x{}", "ab".repeat(20));
        let body = format!(r#"{{"authorization":{{"from":"{address}","to":"0x"}}}}"#);
        assert_eq!(payer(body.as_bytes()), Some(address.as_str()));
        assert_eq!(payer(b"{}"), None);
    }
}
