use std::time::Duration;

use insforge_protocol::okx::{Class, NotSentCause, Outcome, Settlement};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Lease;
use super::backoff;

/// An outcome as `x402.finish` takes it. The database decides what it means for the payment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The payment.
    pub id: Uuid,
    /// Fencing token.
    pub lease_token: i64,
    /// One of `insforge_protocol::ledger::Word`.
    pub outcome: &'static str,
    /// Transaction, `0x` and 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_hash: Option<String>,
    /// The foreign words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Our own class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'static str>,
    /// When to look again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Where the transfer stands in the chain, if it was seen there.
    #[serde(flatten)]
    pub place: Option<Placed>,
    /// What it rests on; an object without secrets.
    pub evidence: Value,
    /// Whether nothing was settled in truth.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mock: bool,
}

/// A transfer's place in the chain, as `x402.finish` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// Position of the transfer's log within the block.
    pub log_index: u64,
    /// Height of the block.
    pub block_number: u64,
    /// The block, `0x` and 64 hex digits.
    pub block_hash: String,
    /// none, latest, safe or finalized.
    pub finality: &'static str,
}

/// What a report depends on besides the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Intents before this attempt.
    pub attempt: u32,
    /// Time left in which the payment may still be started.
    pub left: Duration,
    /// From 0 up to and not including 1.
    pub jitter: f64,
}

impl Report {
    /// A report without particulars.
    pub fn new(lease: Lease, outcome: &'static str) -> Self {
        Self {
            id: lease.id,
            lease_token: lease.token,
            outcome,
            tx_hash: None,
            reason: None,
            class: None,
            retry_after_ms: None,
            place: None,
            evidence: json!({}),
            mock: false,
        }
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>, class: Class) -> Self {
        self.reason = Some(reason.into());
        self.class = Some(class.as_str());
        self
    }

    /// The same, to be looked at again after `delay`.
    #[must_use]
    pub fn again_after(mut self, delay: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// What a call of `/settle` leaves to record.
    pub fn of_settlement(lease: Lease, settlement: &Settlement, situation: Situation) -> Self {
        let outcome = &settlement.outcome;
        // The protocol names the fact, the ledger wants the consequence: a refusal that may be tried again
        // decided nothing, like a call that was not sent; a request whose parameters are refused will be
        // refused again.
        let word = match outcome {
            Outcome::Refused {
                class: Class::Retryable,
            } => "not_sent",
            Outcome::NotSent {
                cause: NotSentCause::Parameters,
                ..
            } => "refused",
            other => other.name(),
        };
        let delay = backoff::after(outcome, situation.attempt, situation.jitter);
        Self {
            tx_hash: outcome.tx_hash().map(|hash| format!("{hash:#x}")),
            reason: settlement.reason.clone(),
            class: outcome.class().map(Class::as_str),
            evidence: settlement.evidence.clone(),
            ..Self::new(lease, word)
        }
        .maybe_again_after(delay.map(|delay| backoff::within(delay, situation.left)))
    }

    fn maybe_again_after(self, delay: Option<Duration>) -> Self {
        match delay {
            Some(delay) => self.again_after(delay),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Lease = Lease {
        id: Uuid::nil(),
        token: 7,
    };
    const SITUATION: Situation = Situation {
        attempt: 0,
        left: Duration::from_secs(60),
        jitter: 0.5,
    };

    fn report(outcome: Outcome) -> Report {
        let settlement = Settlement {
            outcome,
            reason: Some("words".to_owned()),
            evidence: json!({"http_status": 200}),
        };
        Report::of_settlement(LEASE, &settlement, SITUATION)
    }

    #[test]
    fn a_report_is_the_json_that_the_database_reads() {
        let json = serde_json::to_value(report(Outcome::Refused { class: Class::Final })).unwrap();
        assert_eq!(
            json,
            json!({
                "id": "00000000-0000-0000-0000-000000000000", "lease_token": 7, "outcome": "refused",
                "reason": "words", "class": "final", "retry_after_ms": 750, "evidence": {"http_status": 200},
            })
        );
    }

    #[test]
    fn a_refusal_that_may_be_tried_again_leaves_the_payment_payable() {
        let report = report(Outcome::Refused {
            class: Class::Retryable,
        });
        assert_eq!((report.outcome, report.class), ("not_sent", Some("retryable")));
        assert!(report.retry_after_ms.is_some());
    }

    #[test]
    fn refused_parameters_close_the_payment() {
        let report = report(Outcome::NotSent {
            cause: NotSentCause::Parameters,
            retry_after: None,
        });
        assert_eq!((report.outcome, report.class), ("refused", Some("final")));
    }
}
