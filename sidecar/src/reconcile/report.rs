use std::time::Duration;

use insforge_protocol::evidence::{Decision, PaymentFacts, Proof};
use insforge_protocol::ledger::{Status, Word};
use insforge_protocol::okx::Class;

use super::pace;
use crate::settle::{Lease, Placed, Report};

/// The word for metrics.
pub(super) const fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Settled(_) => "settled",
        Decision::Submitted { .. } => "submitted",
        Decision::Resend => "resend",
        Decision::Expired { .. } => "expired",
        Decision::Failed { .. } => "failed",
        Decision::Review { .. } => "review",
        Decision::Wait(_) => "wait",
    }
}

/// What a decision leaves to record; `None`: the payment is to be sent again.
pub(super) fn of_decision(
    lease: Lease,
    facts: &PaymentFacts,
    decision: &Decision,
    jitter: f64,
) -> Option<Report> {
    let closing = |word: Word, reason: &str, evidence: &serde_json::Value| {
        let mut report = Report::new(lease, word.as_str()).because(reason, Class::Final);
        report.evidence = evidence.clone();
        report
    };
    Some(match decision {
        Decision::Settled(proof) => settled(lease, proof),
        Decision::Submitted { tx_hash, evidence } => {
            let mut report = Report::new(lease, Word::Submitted.as_str()).again_after(Duration::from_secs(1));
            report.tx_hash = Some(format!("{tx_hash:#x}"));
            report.evidence = evidence.clone();
            report
        }
        Decision::Resend if facts.status == Status::Unknown => return None,
        // What was submitted came to nothing; as an unknown payment it is sent again at once.
        Decision::Resend => Report::new(lease, Word::Unknown.as_str())
            .because("the transaction that was named came to nothing", Class::Retryable)
            .again_after(Duration::ZERO),
        Decision::Expired { evidence } => closing(Word::Lapsed, "valid_before_passed", evidence),
        Decision::Failed { evidence } => closing(Word::Canceled, "authorization_canceled", evidence),
        Decision::Review { why, evidence } => closing(Word::Contradicted, why.as_str(), evidence),
        Decision::Wait(why) => {
            Report::new(lease, Word::Waiting.as_str()).again_after(pace::after(*why, facts, jitter))
        }
    })
}

/// The report of a proven payment.
pub(super) fn settled(lease: Lease, proof: &Proof) -> Report {
    let mut report = Report::new(lease, Word::Settled.as_str());
    report.tx_hash = Some(format!("{:#x}", proof.tx_hash));
    report.place = placed(proof);
    report.evidence = proof.evidence.clone();
    report
}

/// The place of a proof that the chain gave; the facilitator's word has none.
pub(super) fn placed(proof: &Proof) -> Option<Placed> {
    proof.place.map(|place| Placed {
        log_index: place.log_index,
        block_number: place.block_number,
        block_hash: format!("{:#x}", place.block_hash),
        finality: proof.finality.as_str(),
    })
}
