use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::okx::Class;
use tracing::{debug, info, warn};

use super::attempt::InFlight;
use super::{Core, Flight, Slot};
use crate::settle::{Claim, Decision, Lease, Order, Report, backoff, decide, decide_judged};

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
    /// Starts what follows for each claim: a call, or the record of a decision. Those that the ledger did not begin
    /// are judged here, and their intents are committed together.
    pub(super) async fn launch(self: Arc<Self>, claims: Vec<(Claim, Slot)>) {
        let (begun, others): (Vec<_>, Vec<_>) = claims.into_iter().partition(|(claim, _)| claim.begun);
        for (claim, slot) in begun {
            if self.draining.is_cancelled() {
                self.payments.spawn("close", self.clone().put_back(claim, slot));
            } else {
                self.payments.spawn("settle", self.clone().send(claim, slot));
            }
        }
        let mut ready = Vec::new();
        for (index, (claim, slot)) in others.into_iter().enumerate() {
            if index % JUDGED_AT_ONCE == JUDGED_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            let Some(in_flight) = self.take_off(&claim, slot) else {
                continue;
            };
            match self.judge(&claim).await {
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

    /// Sends a payment whose intent is committed, or records why it is not sent.
    pub(super) async fn send(self: Arc<Self>, claim: Claim, slot: Slot) {
        let Some(in_flight) = self.take_off(&claim, slot) else {
            return;
        };
        match self.unless_objected(&claim, decide_judged(&claim, claim.now())) {
            Decision::Settle(order) => self.attempt(in_flight, order).await,
            Decision::Close(report) => {
                self.parts.limiter.give_back(1);
                self.record(in_flight, *report).await;
            }
        }
    }

    /// Lets another worker have what was begun and will not be sent here.
    async fn put_back(self: Arc<Self>, claim: Claim, slot: Slot) {
        if let Some(in_flight) = self.take_off(&claim, slot) {
            self.parts.limiter.give_back(1);
            let report = put_back(claim.lease, "the worker was stopped before the call");
            self.record(in_flight, report).await;
        }
    }

    /// `None` while a call for this payment is under way: it goes on under the new lease.
    fn take_off(&self, claim: &Claim, slot: Slot) -> Option<InFlight> {
        let until = claim.claimed_at + self.parts.lease;
        let Some(flight) = self.parts.flights.take_off(claim.lease, until) else {
            info!(payment = %claim.lease.id, "the call under way goes on under a new lease");
            self.parts.limiter.give_back(1);
            return None;
        };
        self.parts.metrics.in_flight.set(self.parts.flights.len() as i64);
        Some(InFlight::new(claim, flight, slot))
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

/// Nothing was sent under this lease, and anybody may have the payment at once.
pub(super) fn put_back(lease: Lease, why: &str) -> Report {
    Report::new(lease, "not_sent")
        .because(why, Class::Retryable)
        .again_after(Duration::ZERO)
}

/// Whether the intent is committed is not known; that nothing was sent is.
pub(super) fn no_intent(lease: Lease) -> Report {
    let pause = backoff::half_jitter(0, NO_INTENT, NO_INTENT, rand::random());
    let report =
        Report::new(lease, "not_sent").because("the intent could not be committed", Class::Retryable);
    report.again_after(pause)
}
