use alloy_primitives::B256;
use serde_json::Value;

use super::finding::{Consensus, Occurrence, consensus};
use super::proof::{Oddity, Place, Proof, Wait, event_evidence};
use super::unproven::{is_gone, unused, without_chain};
use super::{Finality, Observations, PaymentFacts, Rules, Trace};
use crate::ledger::Status;

/// What to do about a payment. `Display` of the reasons is for people, `evidence` is for the ledger.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Record it as settled; of one that is, record how final it is.
    Settled(Proof),
    /// Record this transaction as the one that is to prove it: the block is not deep enough yet. Of a settled
    /// payment: the chain no longer has the transfer, or has it elsewhere.
    Submitted {
        /// The transaction.
        tx_hash: B256,
        /// What the ledger keeps.
        evidence: Value,
    },
    /// Send the identical payment again.
    Resend,
    /// Close it: it was not used and never can be.
    Expired {
        /// What the ledger keeps.
        evidence: Value,
    },
    /// Close it: the payer cancelled the authorization.
    Failed {
        /// What the ledger keeps.
        evidence: Value,
    },
    /// Put it before a person.
    Review {
        /// Why.
        why: Oddity,
        /// What the ledger keeps.
        evidence: Value,
    },
    /// Change nothing; look again later.
    Wait(Wait),
}

/// Decides what the observations mean for a payment. The only place where that is decided.
///
/// Whatever is missing, broken or contradictory leads to [`Decision::Wait`]; refusals of the facilitator do not
/// appear at all, because after an attempt of unknown outcome they prove nothing.
pub fn decide(facts: &PaymentFacts, seen: &Observations, rules: &Rules) -> Decision {
    if rules.endpoints == 0 {
        return without_chain(facts, seen, rules);
    }
    if seen.views.is_empty() {
        return Decision::Wait(Wait::ChainDown);
    }
    match consensus(facts, &seen.views) {
        Consensus::Disagreement => Decision::Wait(Wait::Disagreement),
        Consensus::Silent => Decision::Wait(Wait::ChainSilent),
        Consensus::Hidden => Decision::Wait(Wait::UsedNotFound),
        Consensus::Event(event) => match (facts.status, event.trace) {
            (Status::Settled, _) => recheck(facts, &event, rules),
            (_, Trace::Paid { log_index, .. }) => paid(facts, &event, log_index, rules),
            _ => spent(facts, &event, rules),
        },
        Consensus::Unused(views) => match facts.status {
            Status::Settled if facts.recorded.finality == Finality::Finalized => {
                Decision::Wait(Wait::Disagreement)
            }
            Status::Settled => match facts.tx_hash {
                Some(tx_hash) if is_gone(facts, &views, rules) => Decision::Submitted {
                    tx_hash,
                    evidence: gone_evidence(&views),
                },
                _ => Decision::Wait(Wait::SecondEndpoint),
            },
            Status::Failed | Status::Expired | Status::Review => Decision::Wait(Wait::Closed),
            _ => unused(facts, seen, &views, rules),
        },
    }
}

/// The transfer is there.
fn paid(facts: &PaymentFacts, event: &Occurrence<'_>, log_index: u64, rules: &Rules) -> Decision {
    if event.endpoints.len() < rules.proving.min(rules.endpoints) {
        return Decision::Wait(Wait::SecondEndpoint);
    }
    let proof = proof(event, log_index);
    let deep = proof.finality >= rules.settle_at;
    match facts.status {
        Status::Review => Decision::Wait(Wait::Closed),
        _ if !deep => match facts.status {
            Status::Unknown | Status::Settling => Decision::Submitted {
                tx_hash: proof.tx_hash,
                evidence: proof.evidence,
            },
            Status::Submitted if facts.tx_hash != Some(proof.tx_hash) => Decision::Submitted {
                tx_hash: proof.tx_hash,
                evidence: proof.evidence,
            },
            _ => Decision::Wait(Wait::NotFinal),
        },
        Status::Failed | Status::Expired => Decision::Review {
            why: Oddity::LateMoney,
            evidence: proof.evidence,
        },
        _ => Decision::Settled(proof),
    }
}

/// The nonce is used up, and the payee got nothing by it: cancelled, or used in a way that no standard token
/// knows. Nothing that ends a payment unpaid is believed before it is final and a second endpoint agrees.
fn spent(facts: &PaymentFacts, event: &Occurrence<'_>, rules: &Rules) -> Decision {
    if matches!(facts.status, Status::Failed | Status::Expired | Status::Review) {
        return Decision::Wait(Wait::Closed);
    }
    if event.finality < Finality::Finalized {
        return Decision::Wait(Wait::NotFinal);
    }
    if event.endpoints.len() < rules.disproving() {
        return Decision::Wait(Wait::SecondEndpoint);
    }
    match event.trace {
        Trace::Canceled => Decision::Failed {
            evidence: evidence(event, "canceled"),
        },
        _ => Decision::Review {
            why: Oddity::UsedWithoutTransfer,
            evidence: evidence(event, "used"),
        },
    }
}

/// A settled payment, looked at again: it is more final by now, or what settled it is no longer there.
fn recheck(facts: &PaymentFacts, event: &Occurrence<'_>, rules: &Rules) -> Decision {
    let same = facts.tx_hash == Some(event.sighting.receipt.tx_hash);
    match event.trace {
        Trace::Paid { log_index, .. } if same => Decision::Settled(proof(event, log_index)),
        _ if facts.recorded.finality == Finality::Finalized => Decision::Wait(Wait::Disagreement),
        _ if event.endpoints.len() < rules.disproving() => Decision::Wait(Wait::SecondEndpoint),
        _ => Decision::Submitted {
            tx_hash: event.sighting.receipt.tx_hash,
            evidence: evidence(event, "moved"),
        },
    }
}

fn proof(event: &Occurrence<'_>, log_index: u64) -> Proof {
    let receipt = &event.sighting.receipt;
    let mut evidence = evidence(event, "paid");
    evidence["chain"]["log_index"] = log_index.into();
    Proof {
        tx_hash: receipt.tx_hash,
        place: Some(Place {
            log_index,
            block_number: receipt.block_number,
            block_hash: receipt.block_hash,
        }),
        finality: event.finality,
        evidence,
    }
}

fn evidence(event: &Occurrence<'_>, what: &'static str) -> Value {
    let receipt = &event.sighting.receipt;
    let block = (receipt.block_number, receipt.block_hash);
    let finality = event.finality;
    event_evidence(
        what,
        receipt.tx_hash,
        block,
        finality,
        &event.endpoints,
        receipt.sender,
    )
}

fn gone_evidence(views: &[&super::View]) -> Value {
    let endpoints: Vec<_> = views.iter().map(|view| view.endpoint.as_str()).collect();
    let heights: Vec<_> = views.iter().map(|view| view.heads.latest().number).collect();
    serde_json::json!({ "chain": { "event": "gone", "endpoints": endpoints, "unused_at_blocks": heights } })
}
