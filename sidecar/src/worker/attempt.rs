use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::okx::{Class, NotSentCause, Outcome, Settlement};
use serde_json::json;
use tokio::time::Instant;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::launch::put_back;
use super::{Core, Flight, Slot, Written};
use crate::settle::{Claim, Lease, Order, Report, Situation};

/// How long requests rest after a 429 that names no time.
const LIMITED: Duration = Duration::from_secs(1);

/// A payment being worked on: its lease, its slot, and what a delay depends on.
pub(super) struct InFlight {
    pub(super) flight: Flight,
    attempt: u32,
    /// Held until the outcome is written, so that outcomes cannot pile up.
    _slot: Slot,
}

impl InFlight {
    pub(super) fn new(claim: &Claim, flight: Flight, slot: Slot) -> Self {
        Self {
            flight,
            attempt: claim.attempt,
            _slot: slot,
        }
    }
}

impl Core {
    /// Sends a payment whose intent is committed, and records what became of it.
    ///
    /// A lease that is found lost while the call is under way does not stop it: the request may have been
    /// written, and its answer is evidence, if only in the log.
    pub(super) async fn attempt(self: Arc<Self>, in_flight: InFlight, order: Box<Order>) {
        let lease = in_flight.flight.lease();
        if !in_flight.flight.is_held() {
            self.lost_before_sending(&in_flight.flight);
            // Fenced: it applies only if nobody has taken the payment yet.
            let report = put_back(lease, "the lease ran out before the call");
            return self.record(in_flight, report).await;
        }
        let report = self.call(lease, &order, in_flight.attempt).await;
        let (payment, requirements) = (&order.payment, &order.requirements);
        let report = self.parts.witness.examine(payment, requirements, report).await;
        self.record(in_flight, report).await;
    }

    /// Calls the facilitator, learns from the answer about it, and returns what it says of the payment.
    /// `attempt` counts the intents before this one.
    pub(super) async fn call(&self, lease: Lease, order: &Order, attempt: u32) -> Report {
        let started = Instant::now();
        let call = self
            .parts
            .facilitator
            .settle(lease.id, &order.payment, &order.requirements, order.proven);
        let settlement = tokio::select! {
            biased;
            settlement = call => settlement,
            () = self.cut.cancelled() => cut_off(),
        };
        self.parts
            .metrics
            .settle_seconds
            .observe(started.elapsed().as_secs_f64());
        self.parts.metrics.settle_call(settlement.outcome.name());
        self.parts
            .metrics
            .clock_offset
            .set(self.parts.facilitator.clock_offset_ms());
        self.learn(lease.id, &settlement).await;
        let situation = Situation {
            attempt,
            left: order.left.saturating_sub(started.elapsed()),
            jitter: rand::random(),
        };
        let mut report = Report::of_settlement(lease, &settlement, situation);
        report.mock = self.parts.facilitator.is_mock();
        report
    }

    /// Writes an outcome and says what became of it.
    pub(super) async fn record(self: Arc<Self>, in_flight: InFlight, mut report: Report) {
        let InFlight { flight, _slot, .. } = in_flight;
        let written = loop {
            let lease = flight.landing();
            report.lease_token = lease.token;
            let written = self.parts.recorder.write(report.clone()).await;
            // Refused under the old lease, but this process holds a newer one: the outcome is still ours.
            if matches!(written, Written::Stale { .. }) && flight.lease() != lease {
                continue;
            }
            if let Some(newer) = flight.land(lease) {
                let report = put_back(newer, "claimed again while its outcome was written");
                self.parts.recorder.write(report).await;
            }
            break written;
        };
        self.parts.metrics.in_flight.set(self.parts.flights.len() as i64);
        self.tell(&report, written);
    }

    fn tell(&self, report: &Report, written: Written) {
        let Report {
            id: payment,
            outcome,
            tx_hash,
            reason,
            ..
        } = report;
        let metrics = &self.parts.metrics;
        match written {
            Written::Applied(status) => {
                metrics.recorded(&status);
                info!(%payment, outcome, status, tx_hash, reason, "recorded");
            }
            Written::Stale {
                status,
                retried: true,
            } => {
                info!(%payment, outcome, status, tx_hash, reason, "recorded before, or by another worker");
            }
            Written::Stale {
                status,
                retried: false,
            } => {
                metrics.stale.inc();
                warn!(%payment, outcome, status, tx_hash, reason, "lease lost; the outcome is discarded");
            }
            Written::Refused(_) => drop(metrics.refused.inc()),
            Written::Abandoned => error!(%payment, outcome, tx_hash, reason, "not recorded"),
        }
    }

    /// What an outcome says about the facilitator rather than about the payment.
    async fn learn(&self, payment: Uuid, settlement: &Settlement) {
        let (gate, metrics) = (&self.parts.gate, &self.parts.metrics);
        let outcome = &settlement.outcome;
        metrics.attempt(outcome.class().map_or("none", Class::as_str));
        let reason = settlement.reason.as_deref().unwrap_or("no reason given");
        match outcome {
            outcome if outcome.is_config() => gate.close(&reason),
            Outcome::NotSent {
                cause: NotSentCause::RateLimited,
                retry_after,
            } => {
                self.parts.limiter.pause(retry_after.unwrap_or(LIMITED)).await;
            }
            Outcome::NotSent {
                cause: NotSentCause::Unreachable,
                ..
            } => {
                gate.unreachable(&reason);
                gate.failed(payment, &reason);
            }
            // Our own stop broke the call off.
            _ if self.cut.is_cancelled() => {}
            Outcome::Unknown {
                class: Class::Retryable,
                ..
            } => gate.failed(payment, &reason),
            _ => gate.worked(),
        }
    }
}

fn cut_off() -> Settlement {
    let why = "the sidecar was stopped during the call";
    Settlement {
        outcome: Outcome::Unknown {
            tx_hash: None,
            class: Class::Retryable,
        },
        reason: Some(why.to_owned()),
        evidence: json!({ "transport": why }),
    }
}
