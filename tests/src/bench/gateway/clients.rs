use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use insforge_protocol::x402::header;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::bench::payments::Prepared;
use crate::bench::stats::{Quantiles, warm};
use crate::bench::wire::Link;

/// Asks without a payment.
pub(super) const UNPAID: &[u8] = b"GET /report HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n\r\n";

/// Asks with one.
pub(super) fn paid(prepared: &Prepared) -> Result<Vec<u8>> {
    let message = serde_json::from_str(&prepared.payment)?;
    let value = header::encode(&message);
    let head = "GET /report HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\npayment-signature:";
    Ok(format!("{head} {value}\r\n\r\n").into_bytes())
}

/// What a middleware sends to a facilitator's `/settle`.
pub(super) fn settle(prepared: &Prepared) -> Vec<u8> {
    let body = format!(
        r#"{{"x402Version":2,"paymentPayload":{},"paymentRequirements":{}}}"#,
        prepared.payment, prepared.requirements
    );
    let head =
        "POST /settle HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length:";
    format!("{head} {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// One client, one request after the other; the latency of each.
pub(super) async fn one_by_one<'a>(
    address: SocketAddr,
    requests: impl Iterator<Item = &'a [u8]>,
    wanted: u16,
) -> Result<Vec<Duration>> {
    let mut link = Link::connect(address).await?;
    let mut latencies = Vec::new();
    for request in requests {
        let started = Instant::now();
        link.expect(request, wanted).await?;
        latencies.push(started.elapsed());
    }
    Ok(latencies)
}

/// What many clients got.
pub(super) struct Served {
    /// Requests per second after the first tenth.
    pub(super) rate: f64,
    pub(super) latency: Quantiles,
}

/// Many clients that share the requests, each waiting for its answer before it sends the next.
pub(super) async fn many(address: SocketAddr, clients: usize, requests: Arc<Vec<Vec<u8>>>) -> Result<Served> {
    let next = Arc::new(AtomicUsize::new(0));
    let ready = Arc::new(Barrier::new(clients));
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (requests, next, ready) = (requests.clone(), next.clone(), ready.clone());
        let mut link = Link::connect(address).await?;
        tasks.spawn(async move {
            ready.wait().await;
            let mut done = Vec::new();
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let started = Instant::now();
                link.expect(request, 200).await?;
                done.push((Instant::now(), started.elapsed()));
            }
            anyhow::Ok(done)
        });
    }
    let mut done = Vec::with_capacity(requests.len());
    while let Some(some) = tasks.join_next().await {
        done.extend(some??);
    }
    done.sort_unstable_by_key(|(at, _)| *at);
    let latencies: Vec<Duration> = done.iter().map(|(_, latency)| *latency).collect();
    let counted = warm(&done);
    let (first, last) = counted
        .first()
        .zip(counted.last())
        .context("nothing was served")?;
    let rate = (counted.len() - 1) as f64 / last.0.duration_since(first.0).as_secs_f64();
    Ok(Served {
        rate,
        latency: Quantiles::of(&latencies),
    })
}
