//! What goes wrong with which share of the calls.

use super::purchase::{Kind, Purchase};
use crate::standin::{Answer, Fault, HashForm, Rule, Say};

/// The rules of the storm. Which call they hit follows from the seed, the payment and the number of its call.
pub(super) fn rules(purchases: &[Purchase]) -> Vec<Rule> {
    let doomed = purchases.iter().filter(|purchase| purchase.kind == Kind::Doomed);
    let lost = |purchase: &Purchase| {
        Rule::always("settle", Fault::before_effect(Say::Reset)).for_nonce(purchase.nonce)
    };
    let mut rules: Vec<Rule> = doomed.map(lost).collect();
    let shares = settle()
        .into_iter()
        .map(|(share, fault)| ("settle", share, fault));
    rules.extend(shares.chain(others()).map(|(target, probability, fault)| Rule {
        probability,
        ..Rule::always(target, fault)
    }));
    rules
}

/// Two of five calls of `/settle` do not go as they should.
fn settle() -> Vec<(f64, Fault)> {
    let late = |millis, say| Fault {
        include_after_ms: Some(millis),
        ..Fault::sent(say)
    };
    vec![
        (0.02, Fault::before_effect(Say::Reset)),
        (0.05, Fault::after_effect(Say::Reset)),
        (0.01, Fault::before_effect(Say::Silence)),
        (0.03, Fault::after_effect(Say::Silence)),
        (0.01, Fault::before_effect(Say::RateLimited(None))),
        (0.004, Fault::before_effect(Say::RateLimited(Some(1)))),
        (0.03, Fault::before_effect(Say::Status(500))),
        (0.04, Fault::after_effect(Say::Status(500))),
        (0.03, Fault::after_effect(Say::Status(502))),
        (0.01, Fault::before_effect(Say::Garbage)),
        (0.03, Fault::after_effect(Say::Garbage)),
        (0.02, Fault::after_effect(Say::Truncated)),
        (0.02, Fault::after_effect(success("timeout", HashForm::Real))),
        (0.03, Fault::after_effect(success("timeout", HashForm::Empty))),
        (0.02, late(400, success("timeout", HashForm::Real))),
        (0.02, late(800, success("pending", HashForm::Real))),
        (0.01, late(1_500, Say::Reset)),
        // Named, and mined only when the storm is over.
        (0.01, Fault::sent(success("pending", HashForm::Real))),
        // A confirmation of a transaction that nobody has ever seen.
        (0.01, Fault::before_effect(success("success", HashForm::Invented))),
        (
            0.02,
            Fault::after_effect(refusal("invalid signature, nonce_used")),
        ),
        (0.01, Fault::before_effect(refusal("payment processing"))),
        (0.01, Fault::before_effect(refusal("payer_blocked"))),
    ]
}

/// Questions fail as well, those about the chain at both of its endpoints.
fn others() -> Vec<(&'static str, f64, Fault)> {
    vec![
        ("status", 0.10, Fault::before_effect(refusal("not_found"))),
        ("status", 0.10, Fault::before_effect(Say::Status(500))),
        ("supported", 0.20, Fault::before_effect(Say::Reset)),
        ("rpc", 0.02, Fault::before_effect(Say::Status(503))),
        ("rpc", 0.01, Fault::before_effect(Say::Reset)),
        ("rpc", 0.01, Fault::before_effect(Say::Garbage)),
        ("rpc", 0.005, Fault::before_effect(Say::Silence)),
        ("rpc", 0.01, Fault::before_effect(refusal("header not found"))),
    ]
}

fn success(status: &str, hash: HashForm) -> Say {
    Say::Success(Answer {
        status: status.to_owned(),
        hash,
    })
}

fn refusal(reason: &str) -> Say {
    Say::Refusal(reason.to_owned())
}
