//! What follows where nothing shows that an authorization was used.

use serde_json::{Value, json};

use super::decide::Decision;
use super::proof::{Proof, Wait};
use super::{Finality, Named, Observations, PaymentFacts, Rules, View};
use crate::ledger::Status;
use crate::okx::HashStatus;
use crate::x402::Scheme;

/// The chain says that the nonce is not used.
pub(super) fn unused(facts: &PaymentFacts, seen: &Observations, views: &[&View], rules: &Rules) -> Decision {
    if facts.status == Status::Accepted {
        return Decision::Wait(Wait::Deferred);
    }
    // Our own clock must agree that it is over: a block's time is only a node's word.
    let over = facts.is_over(facts.now);
    let proves = |view: &&View| over && view.proves_unused(facts);
    let proving: Vec<_> = views.iter().copied().filter(proves).collect();
    if proving.len() >= rules.disproving() {
        return Decision::Expired {
            evidence: evidence(facts, &proving),
        };
    }
    let chain_time = views.iter().map(|view| view.heads.latest().timestamp).max();
    if !facts.may_be_sent(facts.now.max(chain_time.unwrap_or(0))) {
        return Decision::Wait(if proving.is_empty() {
            Wait::RunningOut
        } else {
            Wait::SecondEndpoint
        });
    }
    let in_vain = views.iter().any(|view| view.named_in_vain(facts));
    send_again(facts, seen, in_vain, rules)
}

/// Without a chain: the facilitator's word may settle a payment, and nothing closes it as unpaid.
pub(super) fn without_chain(facts: &PaymentFacts, seen: &Observations, rules: &Rules) -> Decision {
    let confirmed = seen.facilitator == Some(HashStatus::Succeeded);
    match (facts.status, facts.tx_hash) {
        (Status::Accepted, _) => Decision::Wait(Wait::Deferred),
        (Status::Settled | Status::Failed | Status::Expired | Status::Review | Status::Pending, _) => {
            Decision::Wait(Wait::NoChain)
        }
        (_, Some(tx_hash)) if confirmed && facts.scheme == Scheme::Exact => Decision::Settled(Proof {
            tx_hash,
            place: None,
            finality: Finality::None,
            evidence: json!({ "settle_status": "success" }),
        }),
        _ if !facts.may_be_sent(facts.now) => Decision::Wait(Wait::NoChain),
        _ => send_again(facts, seen, false, rules),
    }
}

/// Whether a settled payment's transfer is gone: the token says that the nonce is not used, at or above the
/// height of the recorded block, or long enough after the facilitator's word. An endpoint that lags proves nothing.
pub(super) fn is_gone(facts: &PaymentFacts, views: &[&View], rules: &Rules) -> bool {
    let gone = |view: &&&View| match facts.recorded.block_number {
        Some(height) => view.heads.latest().number >= height,
        None => view.heads.latest().timestamp >= facts.since.saturating_add(rules.patience),
    };
    views.iter().filter(gone).count() >= rules.disproving()
}

/// The same payment may be sent again, at no risk for the payer: the nonce burns once. A transaction that was
/// named gets some time to appear first.
fn send_again(facts: &PaymentFacts, seen: &Observations, in_vain: bool, rules: &Rules) -> Decision {
    let failed = matches!(seen.facilitator, Some(HashStatus::Failed { .. }));
    let on_its_way = facts.tx_hash.is_some() && !in_vain && !failed;
    let patient = on_its_way && facts.now.saturating_sub(facts.since) < rules.patience;
    // A pending payment is for the settler to send, not for us.
    if patient || facts.status == Status::Pending {
        Decision::Wait(Wait::InFlight)
    } else if facts.attempts >= rules.attempts {
        Decision::Wait(Wait::AttemptsSpent)
    } else {
        Decision::Resend
    }
}

fn evidence(facts: &PaymentFacts, proving: &[&View]) -> Value {
    let unused: Vec<_> = proving
        .iter()
        .map(|view| {
            json!({
                "endpoint": view.endpoint,
                "read_at_block": view.final_reading.map(|reading| reading.number),
                "final_block": view.heads.finalized().map(|block| block.number),
                "final_block_time": view.heads.finalized().map(|block| block.timestamp),
                "receipt": match &view.named {
                    Named::NotAsked => "not asked",
                    Named::Absent => "none",
                    Named::Mined(_) => "of no effect",
                },
            })
        })
        .collect();
    json!({ "chain": { "unused": unused, "valid_before": facts.valid_before.to_string() } })
}
