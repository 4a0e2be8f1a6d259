//! The same payment again, while it lives.

use super::*;
use crate::ledger::Status::*;
use crate::okx::HashStatus;

#[test]
fn an_unused_authorization_that_lives_is_sent_again() {
    assert_eq!(decided(&facts(Unknown, 60), [unused("a", 60)], &ONE), "resend");
}

#[test]
fn nothing_is_started_in_the_last_ten_seconds_by_either_clock() {
    let rules = Rules { patience: 0, ..ONE };
    assert_eq!(
        decided(&facts(Unknown, 289), [unused("a", 289)], &rules),
        "resend"
    );
    assert_eq!(
        decided(&facts(Unknown, 290), [unused("a", 289)], &rules),
        "running_out"
    );
    assert_eq!(
        decided(&facts(Unknown, 289), [unused("a", 290)], &rules),
        "running_out"
    );
}

#[test]
fn attempts_are_bounded() {
    let mut tired = facts(Unknown, 60);
    tired.attempts = ONE.attempts;
    assert_eq!(decided(&tired, [unused("a", 60)], &ONE), "attempts_spent");
    tired.attempts -= 1;
    assert_eq!(decided(&tired, [unused("a", 60)], &ONE), "resend");
}

#[test]
fn a_named_transaction_gets_time_to_appear() {
    let missing = || {
        [View {
            named: Named::Absent,
            ..unused("a", 29)
        }]
    };
    for status in [Submitted, Unknown] {
        assert_eq!(
            decided(&named(status, 29), missing(), &ONE),
            "in_flight",
            "{status}"
        );
        assert_eq!(decided(&named(status, 30), missing(), &ONE), "resend", "{status}");
    }
}

#[test]
fn a_transaction_that_came_to_nothing_is_not_waited_for() {
    let wrong = receipt(TX, 10, vec![transfer(TOKEN, PAYER, PAYEE, VALUE, 0)]);
    for receipt in [reverted(10), wrong] {
        let view = View {
            used: Some(false),
            ..mined("a", 20, receipt)
        };
        assert_eq!(decided(&named(Submitted, 20), [view], &ONE), "resend");
    }
    let failed = Observations {
        facilitator: Some(HashStatus::Failed { reason: None }),
        ..seen([unused("a", 20)])
    };
    assert_eq!(word(&decide(&named(Submitted, 20), &failed, &ONE)), "resend");
}

#[test]
fn a_facilitator_that_does_not_know_the_hash_is_not_believed_at_once() {
    for facilitator in [HashStatus::NotFound, HashStatus::Pending, HashStatus::Succeeded] {
        let early = Observations {
            facilitator: Some(facilitator),
            ..seen([unused("a", 20)])
        };
        assert_eq!(word(&decide(&named(Submitted, 20), &early, &ONE)), "in_flight");
    }
}

#[test]
fn a_deferred_intake_of_unknown_outcome_is_sent_again_but_an_accepted_one_is_not() {
    let mut deferred = facts(Unknown, 60);
    deferred.scheme = crate::x402::Scheme::AggrDeferred;
    deferred.valid_before = U256::MAX;
    assert_eq!(decided(&deferred, [unused("a", 60)], &ONE), "resend");
    deferred.status = Accepted;
    assert_eq!(decided(&deferred, [unused("a", 60)], &ONE), "deferred");
}

#[test]
fn without_an_endpoint_a_living_payment_is_still_sent_again() {
    assert_eq!(decided(&facts(Unknown, 60), [], &NONE), "resend");
    assert_eq!(decided(&named(Submitted, 20), [], &NONE), "in_flight");
    assert_eq!(decided(&facts(Unknown, 295), [], &NONE), "no_chain");
}

#[test]
fn while_the_chain_is_down_or_silent_nothing_is_sent() {
    assert_eq!(decided(&facts(Unknown, 60), [], &ONE), "chain_down");
    assert_eq!(
        decided(&facts(Unknown, 60), [view("a", 60)], &ONE),
        "chain_silent"
    );
}

#[test]
fn a_payment_that_was_never_sent_is_not_for_us_to_send() {
    assert_eq!(decided(&facts(Pending, 60), [unused("a", 60)], &ONE), "in_flight");
}
