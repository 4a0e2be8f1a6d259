use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, trace};

use super::plan::{Due, Look, Plan};
use super::{Core, Wake};
use crate::bell::Bell;
use crate::settle::{Claim, LedgerError};
use crate::tasks::Part;

/// How long a stop waits for the answer to a claim.
const LAST_CLAIM: Duration = Duration::from_secs(3);
/// Most batches whose intents this worker is recording. A claim waits for one of them, as it waits for the claim before
/// it, and takes what came meanwhile with it: batches grow with load, and a lone payment is sent at once.
const LAUNCHES: usize = 1;

/// Decides when to look at the queue, and claims no more than can be started at once: claims that wait
/// would hold leases others could use, and would be sent in an order that is no longer the nearest expiry.
pub struct Dispatcher {
    core: Arc<Core>,
    bell: Arc<Bell>,
    launches: Arc<Semaphore>,
    /// The last claim failed: the next one is without intents, which could be committed when nobody waits for the answer
    /// any more, batch after batch.
    careful: AtomicBool,
    poll: Duration,
    poll_without_listener: Duration,
}

impl Dispatcher {
    /// `poll` is the longest wait while somebody listens for rings.
    pub fn new(core: Arc<Core>, bell: Arc<Bell>, poll: Duration, poll_without_listener: Duration) -> Self {
        Self {
            core,
            bell,
            launches: Arc::new(Semaphore::new(LAUNCHES)),
            careful: AtomicBool::new(false),
            poll,
            poll_without_listener,
        }
    }

    /// One look at the queue. An idle look costs one query: it claims only if something is due. Only the bell
    /// and the clock say so with enough certainty to claim without asking.
    async fn look(&self, wake: Wake, stop: &CancellationToken) -> Result<Look, LedgerError> {
        self.core.parts.metrics.wakeup(wake.as_str());
        if matches!(wake, Wake::Poll | Wake::Again)
            && let Some(due) = self.nothing_due(stop).await?
        {
            return Ok(Look { claimed: 0, due });
        }
        let mut look = self.claim_until_empty(stop).await?;
        // After a ring another question would only hold up what was just claimed.
        if look.due == Due::Unasked && wake != Wake::Doorbell {
            look.due = self.next_due(stop).await?.into();
        }
        Ok(look)
    }

    /// When something is due that is not yet; `None` if something is due now.
    async fn nothing_due(&self, stop: &CancellationToken) -> Result<Option<Due>, LedgerError> {
        let due = self.next_due(stop).await?;
        let nothing = due.is_none_or(|due| !due.is_zero());
        Ok(nothing.then_some(due.into()))
    }

    /// A question that a stop does not wait for: nothing is due any more then.
    async fn next_due(&self, stop: &CancellationToken) -> Result<Option<Duration>, LedgerError> {
        let asked = stop.run_until_cancelled(self.core.parts.ledger.next_due());
        asked.await.unwrap_or(Ok(None))
    }

    /// Claims until fewer come than were asked for. Where requests are limited it begins with one, and goes on
    /// only if more are due: a request that is taken and not used is one that another worker waits for.
    async fn claim_until_empty(&self, stop: &CancellationToken) -> Result<Look, LedgerError> {
        let parts = &self.core.parts;
        let limited = parts.limiter.is_limited();
        let mut most = if limited { 1 } else { parts.batch };
        let mut total = 0;
        loop {
            let admitted = async {
                let room = self.launches.clone().acquire_owned().await;
                (room, self.core.admittance.admit(most).await)
            };
            let Some((Ok(room), mut admission)) = stop.run_until_cancelled(admitted).await else {
                break;
            };
            let asked = admission.count();
            let claims = self.claim(asked, stop).await?;
            let claimed = claims.len();
            parts.metrics.claims.inc_by(claimed as u64);
            // The database never returns more than it was asked for; if it did, their leases would run out.
            let claims: Vec<_> = claims
                .into_iter()
                .filter_map(|claim| Some((claim, admission.slot()?)))
                .collect();
            if !claims.is_empty() {
                let launch = self.core.clone().launch(claims);
                self.core.payments.spawn("launch", async move {
                    launch.await;
                    drop(room);
                });
            }
            let first = total == 0;
            total += claimed;
            if claimed < asked {
                break;
            }
            if limited
                && first
                && let Some(due) = self.nothing_due(stop).await?
            {
                return Ok(Look { claimed: total, due });
            }
            most = (most * 2).min(parts.batch);
            parts.metrics.wakeup(Wake::Drain.as_str());
        }
        Ok(Look {
            claimed: total,
            due: Due::Unasked,
        })
    }

    /// A claim is not given up at once when a stop comes: it may be committed already, and its payments would wait for
    /// their leases to run out, and those that are begun for evidence, instead of being handed back.
    async fn claim(&self, batch: usize, stop: &CancellationToken) -> Result<Vec<Claim>, LedgerError> {
        let patience = async {
            stop.cancelled().await;
            sleep(LAST_CLAIM).await;
        };
        let parts = &self.core.parts;
        let begin = !self.careful.load(Ordering::Relaxed) && !parts.witness.objects();
        let claims = tokio::select! {
            biased;
            claims = parts.ledger.claim(batch, begin) => claims,
            () = patience => Err(LedgerError::Unavailable("stopped while claiming".to_owned())),
        };
        self.careful.store(claims.is_err(), Ordering::Relaxed);
        claims
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
                    plan.looked(Instant::now(), look, poll);
                }
                Err(error) => {
                    debug!(%error, "the queue could not be read");
                    plan.failed(Instant::now(), rand::random());
                }
            }
        }
    }
}
