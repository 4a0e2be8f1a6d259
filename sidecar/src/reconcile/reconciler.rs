use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::chains::Chains;
use super::courier::Courier;
use super::settings::ReconcileSettings;
use crate::metrics::Metrics;
use crate::outlook::Outlook;
use crate::settle::{Ledger, LedgerError, Witness, backoff};
use crate::tasks::{Part, TaskGroup};
use crate::worker::{Flights, Recorder};

/// Polls that are left out while somebody else tells what is due.
const TOLD_FACTOR: u32 = 4;
/// First and longest wait after a look that failed, or found others at work on what is due.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What the reconciler is made of.
pub struct Parts {
    /// The database; claims open payments.
    pub ledger: Arc<dyn Ledger>,
    /// The chains that can be asked.
    pub chains: Arc<Chains>,
    /// The way to the facilitator.
    pub courier: Arc<dyn Courier>,
    /// Proves what is sent again.
    pub witness: Arc<dyn Witness>,
    /// Writes outcomes.
    pub recorder: Arc<Recorder>,
    /// Leases held; somebody must keep them alive.
    pub flights: Arc<Flights>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How it is done.
    pub settings: ReconcileSettings,
}

/// Claims open payments when they are due and has each looked at.
pub struct Reconciler {
    parts: Arc<Parts>,
    outlook: Arc<Outlook>,
    looks: TaskGroup,
    slots: Arc<Semaphore>,
}

impl Reconciler {
    /// `outlook` tells when something is due, if somebody publishes it. Looks are tasks of `looks`: whoever stops
    /// the sidecar waits for them there.
    pub fn new(parts: Parts, outlook: Arc<Outlook>, looks: TaskGroup) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(parts.settings.concurrency)),
            parts: Arc::new(parts),
            outlook,
            looks,
        }
    }

    /// Claims what is due and starts a look at each; returns when something is due again.
    async fn look(&self, stop: &CancellationToken) -> Result<Option<Duration>, LedgerError> {
        let parts = &self.parts;
        loop {
            // The semaphore is never closed; if it were, nothing may be started any more.
            let Ok(first) = self.slots.clone().acquire_owned().await else {
                return Ok(None);
            };
            drop(first);
            let room = self.slots.available_permits().clamp(1, parts.settings.batch);
            let claims = parts.ledger.claim(room, false).await?;
            let claimed = claims.len();
            parts.metrics.claims.inc_by(claimed as u64);
            for claim in claims {
                let until = claim.claimed_at + parts.settings.lease;
                // `None`: this process is working on it already, and goes on under the new lease.
                let Some(flight) = parts.flights.take_off(claim.lease, until) else {
                    continue;
                };
                let Ok(slot) = self.slots.clone().acquire_owned().await else {
                    return Ok(None);
                };
                let (parts, stop) = (parts.clone(), stop.clone());
                self.looks.spawn("reconcile", async move {
                    parts.resolve(claim, flight, stop).await;
                    drop(slot);
                });
            }
            if claimed < room {
                return parts.ledger.next_due().await;
            }
        }
    }
}

impl Part for Reconciler {
    /// Reconciles until stopped. Looks under way are broken off and handed back; what is being sent goes on.
    async fn run(&self, stop: CancellationToken) {
        let mut told = self.outlook.follow();
        let (mut next, mut misses) = (Instant::now(), 0);
        let quiet = self.parts.settings.poll * TOLD_FACTOR;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep_until(next) => {}
                Ok(()) = told.changed() => {
                    let due = *told.borrow_and_update();
                    // Told of one, we may know of another that is due before.
                    next = due.map_or_else(|| Instant::now() + quiet, |due| due.min(next));
                    next = next.max(Instant::now() + pause(misses));
                    continue;
                }
            }
            let now = Instant::now();
            let Some(looked) = stop.run_until_cancelled(self.look(&stop)).await else {
                break;
            };
            let wait = match looked {
                Ok(due) => {
                    misses = if due.is_some_and(|due| due.is_zero()) {
                        misses + 1
                    } else {
                        0
                    };
                    due
                }
                Err(error) => {
                    debug!(%error, "open payments could not be claimed");
                    misses += 1;
                    Some(Duration::ZERO)
                }
            };
            next = now + wait.unwrap_or(quiet).max(pause(misses));
        }
    }
}

/// Something is due and cannot be had: others hold it, or the database is away.
fn pause(misses: u32) -> Duration {
    if misses == 0 {
        Duration::ZERO
    } else {
        backoff::exponential(misses - 1, AGAIN.0, AGAIN.1)
    }
}
