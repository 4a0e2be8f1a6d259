use std::time::Duration;

use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::contract::SETTLE_MARGIN_SECONDS;
use insforge_protocol::judge::{Domains, Verdict, judge_json};
use insforge_protocol::okx::Class;
use insforge_protocol::x402::{Payment, Reason, Requirements};

use super::{Claim, Report};

/// What to do with a claimed payment.
#[derive(Debug)]
pub enum Decision {
    /// Record the intent, then send it to the facilitator.
    Settle(Box<Order>),
    /// No call is to be made; record this.
    Close(Box<Report>),
}

/// A payment that was read.
#[derive(Debug)]
pub struct Order {
    /// What the buyer signed.
    pub payment: Payment,
    /// What the seller asks.
    pub requirements: Requirements,
    /// Whether everything that can be proven offline holds; `false` means that only the chain or the
    /// facilitator can check the signature.
    pub proven: bool,
    /// Time left in which it may be started.
    pub left: Duration,
}

/// How long a payment of unknown outcome rests once its authorization has run out: nothing can be sent
/// any more, and only evidence closes it.
const REST: Duration = Duration::from_secs(300);
/// How long a payment rests that an operator has to do something for.
const OPERATOR: Duration = Duration::from_secs(60);

/// Judges a claim at `now` (the database's unix seconds). `vouched` are domains the operator vouches for.
pub fn decide(claim: &Claim, vouched: &[VouchedDomain], now: u64) -> Decision {
    let judgement = judge_json(
        &claim.payment,
        &claim.requirements,
        Domains::Vouched(vouched),
        now,
    );
    let (Some(payment), Some(requirements)) = (judgement.payment, judgement.requirements) else {
        return close(refuse(claim, &judgement.verdict));
    };
    let proven = judgement.verdict == Verdict::Valid;
    let valid_after = u64::try_from(payment.authorization.valid_after).unwrap_or(u64::MAX);
    let (order, seconds) = order(payment, requirements, proven, now);
    let left = order.left;
    if seconds <= SETTLE_MARGIN_SECONDS {
        return close(run_out(claim, seconds));
    }
    match judgement.verdict {
        Verdict::Valid | Verdict::Indeterminate(_) => Decision::Settle(order),
        Verdict::Invalid(Reason::ValidAfter) => {
            let wait = Duration::from_secs(valid_after.saturating_sub(now).min(seconds));
            close(wait_for(claim, "not_yet_valid", Class::Retryable, wait))
        }
        Verdict::Invalid(reason @ (Reason::UnknownAsset { .. } | Reason::UnverifiedAsset { .. })) => close(
            wait_for(claim, &reason.to_string(), Class::Config, OPERATOR.min(left)),
        ),
        verdict @ Verdict::Invalid(_) => close(refuse(claim, &verdict)),
    }
}

/// The same for a payment that the ledger found valid in the statement that recorded its intent: what was judged
/// there, by the same rules, is not judged again. One that ran out since is pending again: what has an intent cannot
/// expire.
pub fn decide_judged(claim: &Claim, now: u64) -> Decision {
    let read = Payment::parse(&claim.payment)
        .ok()
        .zip(Requirements::parse(&claim.requirements).ok());
    let Some((payment, requirements)) = read else {
        return decide(claim, &[], now);
    };
    let (order, seconds) = order(payment, requirements, true, now);
    if seconds <= SETTLE_MARGIN_SECONDS {
        return close(too_close(claim, seconds));
    }
    Decision::Settle(order)
}

/// The order, and the seconds until it expires.
fn order(payment: Payment, requirements: Requirements, proven: bool, now: u64) -> (Box<Order>, u64) {
    let seconds = u64::try_from(payment.authorization.valid_before)
        .unwrap_or(u64::MAX)
        .saturating_sub(now);
    let left = Duration::from_secs(seconds.saturating_sub(SETTLE_MARGIN_SECONDS));
    let order = Order {
        payment,
        requirements,
        proven,
        left,
    };
    (Box::new(order), seconds)
}

fn close(report: Report) -> Decision {
    Decision::Close(Box::new(report))
}

/// The authorization has run out, or will before a call could land.
fn run_out(claim: &Claim, seconds: u64) -> Report {
    match (claim.uncertain, seconds) {
        (true, _) => rest(
            claim,
            "the authorization ran out with an attempt of unknown outcome",
        ),
        (false, 0) => Report::new(claim.lease, "expired").because("valid_before_passed", Class::Final),
        // Too late to start, too early to say that nobody can: left pending until it has passed.
        (false, _) => too_close(claim, seconds),
    }
}

fn too_close(claim: &Claim, seconds: u64) -> Report {
    let wait = Duration::from_secs(seconds + 1);
    wait_for(claim, "too_close_to_expiry", Class::Retryable, wait)
}

/// The payment itself is at fault. After an attempt of unknown outcome the database keeps it open anyway.
fn refuse(claim: &Claim, verdict: &Verdict) -> Report {
    let reason = match verdict {
        Verdict::Invalid(reason) => format!("{}: {reason}", reason.code()),
        Verdict::Valid | Verdict::Indeterminate(_) => "invalid_payload".to_owned(),
    };
    Report::new(claim.lease, "refused")
        .because(reason, Class::Final)
        .again_after(REST)
}

fn rest(claim: &Claim, reason: &str) -> Report {
    Report::new(claim.lease, "unknown")
        .because(reason, Class::Unknown)
        .again_after(REST)
}

fn wait_for(claim: &Claim, reason: &str, class: Class, delay: Duration) -> Report {
    Report::new(claim.lease, "not_sent")
        .because(reason, class)
        .again_after(delay)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{NOW, VALID_BEFORE, claim};
    use super::*;
    use insforge_protocol::ledger::Status;

    fn closed(claim: &Claim, now: u64) -> Report {
        match decide(claim, &[], now) {
            Decision::Close(report) => *report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_valid_payment_is_sent() {
        let Decision::Settle(order) = decide(&claim(), &[], NOW) else {
            panic!("not sent")
        };
        assert!(order.proven);
        assert_eq!(order.left.as_secs(), VALID_BEFORE - NOW - SETTLE_MARGIN_SECONDS);
    }

    #[test]
    fn a_settlement_is_not_started_in_the_last_ten_seconds_but_left_pending() {
        let report = closed(&claim(), VALID_BEFORE - 10);
        assert_eq!(
            (report.outcome, report.retry_after_ms),
            ("not_sent", Some(11_000))
        );
        assert!(matches!(
            decide(&claim(), &[], VALID_BEFORE - 11),
            Decision::Settle(_)
        ));
    }

    #[test]
    fn a_payment_that_ran_out_unsent_expires_and_one_that_may_have_been_paid_does_not() {
        assert_eq!(closed(&claim(), VALID_BEFORE).outcome, "expired");
        let uncertain = Claim {
            uncertain: true,
            status: Status::Unknown,
            ..claim()
        };
        assert_eq!(closed(&uncertain, VALID_BEFORE).outcome, "unknown");
        assert_eq!(closed(&uncertain, VALID_BEFORE - 5).outcome, "unknown");
    }

    #[test]
    fn what_the_ledger_judged_is_sent_as_it_is_unless_it_runs_out_or_cannot_be_read() {
        let Decision::Settle(order) = decide_judged(&claim(), NOW) else {
            panic!("not sent")
        };
        assert!(order.proven);
        assert_eq!(order.left.as_secs(), VALID_BEFORE - NOW - SETTLE_MARGIN_SECONDS);
        let outcome = |claim: &Claim, now| match decide_judged(claim, now) {
            Decision::Close(report) => report.outcome,
            Decision::Settle(_) => "sent",
        };
        assert_eq!(
            outcome(&claim(), VALID_BEFORE - SETTLE_MARGIN_SECONDS),
            "not_sent"
        );
        let garbage = Claim {
            payment: serde_json::json!({ "x402Version": 2 }),
            ..claim()
        };
        assert_eq!(outcome(&garbage, NOW), "refused");
    }

    #[test]
    fn a_payment_of_unknown_outcome_is_sent_again_while_it_lives() {
        let uncertain = Claim {
            uncertain: true,
            status: Status::Unknown,
            ..claim()
        };
        assert!(matches!(decide(&uncertain, &[], NOW), Decision::Settle(_)));
    }

    #[test]
    fn a_payment_that_does_not_match_its_requirements_is_refused_without_a_call() {
        let mut cheaper = claim();
        cheaper.requirements["amount"] = "1".into();
        let report = closed(&cheaper, NOW);
        assert_eq!((report.outcome, report.class), ("refused", Some("final")));
        let reason = report.reason.unwrap();
        assert!(
            reason.starts_with("invalid_exact_evm_payload_authorization_value_mismatch"),
            "{reason}"
        );
        let mut garbage = claim();
        garbage.payment = serde_json::json!({"x402Version": 2});
        assert_eq!(closed(&garbage, NOW).outcome, "refused");
    }

    #[test]
    fn a_token_that_nobody_vouches_for_waits_for_the_operator() {
        let mut unknown = claim();
        for path in ["/requirements/asset", "/payment/accepted/asset"] {
            let (root, pointer) = path[1..].split_once('/').unwrap();
            let root = if root == "payment" {
                &mut unknown.payment
            } else {
                &mut unknown.requirements
            };
            *root.pointer_mut(&format!("/{pointer}")).unwrap() =
                "0x00000000000000000000000000000000000000aa".into();
        }
        let report = closed(&unknown, NOW);
        assert_eq!((report.outcome, report.class), ("not_sent", Some("config")));
    }

    /// What has an intent cannot expire: it must be pending again first.
    #[test]
    fn a_payment_that_ran_out_after_its_intent_is_put_back() {
        let claim = Claim {
            begun: true,
            ..claim()
        };
        for (now, wait) in [
            (VALID_BEFORE, 1_000),
            (VALID_BEFORE + 60, 1_000),
            (VALID_BEFORE - 5, 6_000),
        ] {
            match decide_judged(&claim, now) {
                Decision::Close(report) => {
                    assert_eq!((report.outcome, report.retry_after_ms), ("not_sent", Some(wait)));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(decide_judged(&claim, NOW), Decision::Settle(order) if order.proven));
    }
}
