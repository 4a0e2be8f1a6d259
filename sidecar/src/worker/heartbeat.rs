use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Flights;
use crate::metrics::Metrics;
use crate::settle::Ledger;
use crate::tasks::Part;

/// Beats in one lease: two may fail before it is lost.
const BEATS: u32 = 3;
/// Leases in one statement.
const CHUNK: usize = 1000;

/// Keeps the leases of everything in flight, in few statements on a connection of its own.
pub struct Heartbeat {
    ledger: Arc<dyn Ledger>,
    flights: Arc<Flights>,
    metrics: Arc<Metrics>,
    lease: Duration,
}

impl Heartbeat {
    /// Prolongs by `lease`, three times as often.
    pub fn new(
        ledger: Arc<dyn Ledger>,
        flights: Arc<Flights>,
        metrics: Arc<Metrics>,
        lease: Duration,
    ) -> Self {
        Self {
            ledger,
            flights,
            metrics,
            lease,
        }
    }

    /// Whether every lease was asked about.
    async fn beat(&self, limit: Duration) -> bool {
        for chunk in self.flights.leases().chunks(CHUNK) {
            let asked_at = Instant::now();
            match timeout(limit, self.ledger.extend(chunk)).await {
                Ok(Ok(held)) => {
                    let lost = self.flights.renewed(chunk, &held, asked_at + self.lease);
                    self.metrics.leases_lost.inc_by(lost as u64);
                    if lost > 0 {
                        warn!(lost, "leases were lost; their outcomes will be discarded");
                    }
                }
                Ok(Err(error)) => {
                    debug!(%error, "heartbeat failed");
                    return false;
                }
                Err(_) => {
                    debug!("heartbeat timed out");
                    return false;
                }
            }
        }
        true
    }
}

impl Part for Heartbeat {
    /// Beats until stopped. With nothing in flight it asks the database nothing.
    async fn run(&self, stop: CancellationToken) {
        let period = self.lease / BEATS;
        let mut delay = period;
        while stop.run_until_cancelled(sleep(delay)).await.is_some() {
            // A beat that failed is tried again soon: the connection may be a new one by then.
            delay = if self.beat(period).await {
                period
            } else {
                period / 4
            };
        }
    }
}
