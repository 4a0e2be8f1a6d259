use insforge_protocol::ledger::{Status, is_allowed};

use super::books::Payment;
use super::reckon::Findings;
use crate::ledger::Event;

/// The payment's events are a path that the transition table allows, each step under a newer lease, and the last one
/// is proven. `calls`: how often the facilitator was asked to settle it.
pub(super) fn check(payment: &Payment, events: &[Event], calls: usize, findings: &mut Findings<'_>) {
    let moves: Vec<&Event> = events
        .iter()
        .filter(|event| event.from.as_ref() != Some(&event.to))
        .collect();
    path(payment, &moves, findings);
    leases(payment, &moves, findings);
    evidence(payment, &moves, findings);
    let intents = moves.iter().filter(|event| event.to == "settling").count();
    if calls > intents {
        findings.about(
            payment,
            "intent",
            format!("{calls} calls were made on {intents} intents"),
        );
    }
}

fn path(payment: &Payment, moves: &[&Event], findings: &mut Findings<'_>) {
    let mut at: Option<&str> = None;
    for event in moves {
        if event.from.as_deref() != at {
            let what = format!("an event moves it from {:?} while it was {at:?}", event.from);
            findings.about(payment, "path", what);
        }
        let pair = event
            .from
            .as_deref()
            .map(|from| (from.parse::<Status>(), event.to.parse::<Status>()));
        let allowed = match pair {
            None => event.to == "pending",
            Some((Ok(from), Ok(to))) => is_allowed(from, to),
            Some(_) => false,
        };
        if !allowed {
            findings.about(
                payment,
                "path",
                format!("no move from {:?} to {} is allowed", event.from, event.to),
            );
        }
        at = Some(&event.to);
    }
    if at != Some(payment.status.as_str()) {
        findings.about(
            payment,
            "path",
            format!("it is {}, its events end at {at:?}", payment.status),
        );
    }
}

/// Each intent is made under a newer lease than all before it, and what is recorded of it is recorded under a lease
/// that is no older.
fn leases(payment: &Payment, moves: &[&Event], findings: &mut Findings<'_>) {
    let (mut newest, mut intent) = (0, 0);
    for event in moves {
        let Some(token) = event.evidence["lease_token"].as_i64() else {
            continue;
        };
        if token < newest || event.to == "settling" && token <= intent {
            let what = format!(
                "{} was written under lease {token} after lease {newest}",
                event.to
            );
            findings.about(payment, "lease", what);
        }
        newest = newest.max(token);
        if event.to == "settling" {
            intent = token;
        }
    }
}

fn evidence(payment: &Payment, moves: &[&Event], findings: &mut Findings<'_>) {
    let Some((last, before)) = moves.split_last() else {
        return findings.about(payment, "evidence", "it has no events");
    };
    let given = &last.evidence;
    // After an attempt of unknown outcome only the chain ends a payment unpaid.
    let uncertain = before
        .iter()
        .any(|event| event.to == "unknown" || event.to == "submitted");
    let sent = before.iter().any(|event| event.to == "settling");
    let by_chain = || given["chain"].is_object();
    let lacking = match payment.status.as_str() {
        "settled" => (given["tx_hash"].as_str() != payment.tx_hash.as_deref()).then_some("the transaction"),
        "expired" if sent => {
            let unused = given["chain"]["unused"].as_array().map_or(0, Vec::len);
            (unused < 2).then_some("the word of both endpoints of the chain")
        }
        "expired" => (given["outcome"] != "expired" && !by_chain()).then_some("that it was never sent"),
        "failed" if uncertain => (!by_chain()).then_some("the chain's word"),
        "failed" => given["reason"].is_null().then_some("a reason"),
        _ => None,
    };
    if let Some(lacking) = lacking {
        findings.about(
            payment,
            "evidence",
            format!("it is {} without {lacking}: {given}", payment.status),
        );
    }
}
