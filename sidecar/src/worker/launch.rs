use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::okx::Class;
use tracing::{debug, info, warn};

use super::attempt::InFlight;
use super::{Core, Flight, Slot};
use crate::settle::{Claim, Decision, Lease, Order, Report, backoff, decide};

/// Claims judged between two chances for other tasks to run; a judgement recovers a public key.
const JUDGED_AT_ONCE: usize = 8;

/// How long a payment rests whose token is not to be settled at present.
const OBJECTION: Duration = Duration::from_secs(60);

/// How long a payment rests whose intent could not be committed: a full disk lets claims pass and intents not,
/// and would be asked as fast as it answers.
const NO_INTENT: Duration = Duration::from_secs(1);

/// A claim that is to be sent.
struct Ready {
    in_flight: InFlight,
    order: Box<Order>,
}

impl Core {
    /// Judges claims and starts what follows for each: a call, or the record of a decision. All intents of
    /// a batch are committed together.
    pub(super) async fn launch(self: Arc<Self>, claims: Vec<(Claim, Slot)>) {
        let mut ready = Vec::new();
        for (index, (claim, slot)) in claims.into_iter().enumerate() {
            if index % JUDGED_AT_ONCE == JUDGED_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            let until = claim.claimed_at + self.parts.lease;
            let Some(flight) = self.parts.flights.take_off(claim.lease, until) else {
                info!(payment = %claim.lease.id, "the call under way goes on under a new lease");
                self.parts.limiter.give_back(1);
                continue;
            };
            self.parts.metrics.in_flight.set(self.parts.flights.len() as i64);
            let decision = self.judge(&claim).await;
            let in_flight = InFlight::new(&claim, flight, slot);
            match decision {
                Decision::Settle(order) => ready.push(Ready { in_flight, order }),
                Decision::Close(report) => {
                    self.parts.limiter.give_back(1);
                    self.payments
                        .spawn("close", self.clone().record(in_flight, *report));
                }
            }
        }
        if !ready.is_empty() {
            self.begin(ready).await;
        }
    }

    /// Judges a payment by the rules, by what the operator vouches for, and by what the chain says of its token.
    pub(super) async fn judge(&self, claim: &Claim) -> Decision {
        let mut decision = decide(claim, &self.vouched(), claim.now());
        if let Decision::Close(report) = &decision
            && report.class == Some(Class::Config.as_str())
        {
            let vouched = self.refresh_vouched().await;
            decision = decide(claim, &vouched, claim.now());
        }
        self.unless_objected(claim, decision)
    }

    /// Unless the chain says that this token is not to be settled at present.
    pub(super) fn unless_objected(&self, claim: &Claim, decision: Decision) -> Decision {
        match &decision {
            Decision::Settle(order) => match self.parts.witness.objection(&order.requirements) {
                Some(why) => Decision::Close(Box::new(
                    Report::new(claim.lease, "not_sent")
                        .because(why, Class::Config)
                        .again_after(OBJECTION.min(order.left)),
                )),
                None => decision,
            },
            Decision::Close(_) => decision,
        }
    }

    /// Commits the intents, then sends those whose lease held.
    async fn begin(self: &Arc<Self>, ready: Vec<Ready>) {
        let leases: Vec<Lease> = ready.iter().map(|one| one.in_flight.flight.lease()).collect();
        if self.draining.is_cancelled() {
            self.parts.limiter.give_back(leases.len());
            if let Err(error) = self.parts.ledger.release(&leases).await {
                debug!(%error, "claims could not be handed back; their leases run out");
            }
            return;
        }
        match self.parts.ledger.begin(&leases).await {
            Ok(begun) => {
                for Ready { in_flight, order } in ready {
                    if begun.contains(&in_flight.flight.lease().id) {
                        self.payments
                            .spawn("settle", self.clone().attempt(in_flight, order));
                    } else {
                        self.lost_before_sending(&in_flight.flight);
                    }
                }
            }
            // The intents may or may not be committed, but nothing was sent: that much can be recorded.
            Err(error) => {
                debug!(%error, "intents could not be committed");
                for Ready { in_flight, .. } in ready {
                    self.parts.limiter.give_back(1);
                    let report = no_intent(in_flight.flight.lease());
                    self.payments
                        .spawn("close", self.clone().record(in_flight, report));
                }
            }
        }
    }

    pub(super) fn lost_before_sending(&self, flight: &Flight) {
        self.parts.limiter.give_back(1);
        self.parts.metrics.leases_lost.inc();
        warn!(payment = %flight.lease().id, "the lease was lost before anything was sent; nothing was");
    }
}

/// Whether the intent is committed is not known; that nothing was sent is.
pub(super) fn no_intent(lease: Lease) -> Report {
    let pause = backoff::half_jitter(0, NO_INTENT, NO_INTENT, rand::random());
    let report =
        Report::new(lease, "not_sent").because("the intent could not be committed", Class::Retryable);
    report.again_after(pause)
}
