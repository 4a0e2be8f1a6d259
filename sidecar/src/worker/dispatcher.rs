use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, trace};

use super::plan::{Look, Plan};
use super::{Core, Wake};
use crate::bell::Bell;
use crate::settle::{Claim, LedgerError};
use crate::tasks::Part;

/// How long the dispatcher lets slots gather once all were taken: outcomes are written in batches, so
/// slots come free in batches too, and one claim for all of them is cheaper than one for each.
const GATHER: Duration = Duration::from_millis(1);
/// How long a stop waits for the answer to a claim.
const LAST_CLAIM: Duration = Duration::from_secs(1);

/// Decides when to look at the queue, and claims no more than can be started at once: claims that wait
/// would hold leases others could use, and would be sent in an order that is no longer the nearest expiry.
pub struct Dispatcher {
    core: Arc<Core>,
    bell: Arc<Bell>,
    poll: Duration,
    poll_without_listener: Duration,
}

impl Dispatcher {
    /// `poll` is the longest wait while somebody listens for rings.
    pub fn new(core: Arc<Core>, bell: Arc<Bell>, poll: Duration, poll_without_listener: Duration) -> Self {
        Self {
            core,
            bell,
            poll,
            poll_without_listener,
        }
    }

    /// One look at the queue. An idle poll costs one query: it claims only if something is due.
    async fn look(&self, wake: Wake, stop: &CancellationToken) -> Result<Look, LedgerError> {
        self.core.parts.metrics.wakeup(wake.as_str());
        if wake == Wake::Poll {
            let due = self.core.parts.ledger.next_due().await?;
            if due.is_none_or(|due| !due.is_zero()) {
                return Ok(Look { claimed: 0, due });
            }
        }
        let claimed = self.claim_until_empty(stop).await?;
        Ok(Look {
            claimed,
            due: self.core.parts.ledger.next_due().await?,
        })
    }

    /// Claims until fewer come than were asked for.
    async fn claim_until_empty(&self, stop: &CancellationToken) -> Result<usize, LedgerError> {
        let parts = &self.core.parts;
        let mut total = 0;
        loop {
            let Some(mut slots) = stop.run_until_cancelled(self.admit()).await else {
                return Ok(total);
            };
            let asked = slots.num_permits();
            let claimed = self.claim(asked, stop).await;
            let unused = asked.saturating_sub(claimed.as_ref().map_or(0, Vec::len));
            parts.limiter.give_back(unused);
            let claims = claimed?;
            let claimed = claims.len();
            parts.metrics.claims.inc_by(claimed as u64);
            total += claimed;
            // The database never returns more than it was asked for; if it did, their leases would run out.
            let claims: Vec<_> = claims
                .into_iter()
                .filter_map(|claim| Some((claim, slots.split(1)?)))
                .collect();
            if !claims.is_empty() {
                self.core
                    .payments
                    .spawn("launch", self.core.clone().launch(claims));
            }
            if claimed < asked {
                return Ok(total);
            }
            parts.metrics.wakeup(Wake::Drain.as_str());
        }
    }

    /// A claim is not given up at once when a stop comes: it may be committed already, and its payments
    /// would wait for their leases to run out instead of being handed back.
    async fn claim(&self, batch: usize, stop: &CancellationToken) -> Result<Vec<Claim>, LedgerError> {
        let patience = async {
            stop.cancelled().await;
            sleep(LAST_CLAIM).await;
        };
        tokio::select! {
            biased;
            claims = self.core.parts.ledger.claim(batch) => claims,
            () = patience => Err(LedgerError::Unavailable("stopped while claiming".to_owned())),
        }
    }

    /// Waits until at least one payment may be started and takes slots and tokens for as many as may.
    async fn admit(&self) -> OwnedSemaphorePermit {
        let (parts, slots) = (&self.core.parts, &self.core.slots);
        loop {
            parts.gate.opened().await;
            let all_taken = slots.available_permits() == 0;
            // The semaphore is never closed; if it were, nothing may be started any more.
            let Ok(mut permit) = slots.clone().acquire_owned().await else {
                return std::future::pending().await;
            };
            if all_taken {
                sleep(GATHER).await;
            }
            let more = slots.available_permits().min(parts.batch.saturating_sub(1));
            if let Ok(more) = slots
                .clone()
                .try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX))
            {
                permit.merge(more);
            }
            let tokens = parts.limiter.take(permit.num_permits());
            if let Some(admitted) = permit.split(tokens).filter(|_| tokens > 0) {
                return admitted;
            }
            drop(permit);
            sleep(parts.limiter.wait()).await;
        }
    }
}

impl Part for Dispatcher {
    /// Dispatches until stopped.
    async fn run(&self, stop: CancellationToken) {
        let mut listening = self.bell.listening();
        let mut plan = Plan::new(Instant::now());
        let mut started = false;
        loop {
            let (at, why) = plan.next();
            let mut wake = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.bell.rung() => Wake::Doorbell,
                Ok(()) = listening.changed() => Wake::Listener,
                () = sleep_until(at) => why,
            };
            if !std::mem::replace(&mut started, true) {
                wake = Wake::Start;
            }
            if wake == Wake::Doorbell {
                plan.rung(Instant::now());
            }
            let heard = *listening.borrow_and_update();
            let poll = if heard {
                self.poll
            } else {
                self.poll_without_listener
            };
            match self.look(wake, &stop).await {
                Ok(look) => {
                    trace!(wake = wake.as_str(), ?look, "looked at the queue");
                    plan.looked(Instant::now(), wake, look, poll);
                }
                Err(error) => {
                    debug!(%error, "the queue could not be read");
                    plan.failed(Instant::now(), rand::random());
                }
            }
        }
    }
}
