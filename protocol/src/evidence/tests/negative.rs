//! Money that is not there and never will be.

use super::*;
use crate::ledger::Status::*;
use crate::okx::HashStatus;

#[test]
fn an_unused_nonce_at_a_final_block_past_valid_before_expires_a_payment() {
    for status in [Submitted, Unknown] {
        let decision = decide(&facts(status, 320), &seen([unused("a", 320)]), &ONE);
        let Decision::Expired { evidence } = decision else {
            panic!("{status}: {decision:?}")
        };
        let one = &evidence["chain"]["unused"][0];
        assert_eq!(
            (&one["final_block"], &one["read_at_block"]),
            (&300.into(), &300.into())
        );
    }
}

#[test]
fn one_second_before_the_final_block_reaches_valid_before_nothing_is_closed() {
    assert_eq!(
        decided(&facts(Unknown, 320), [unused("a", 319)], &ONE),
        "running_out"
    );
    assert_eq!(
        decided(&facts(Unknown, 299), [unused("a", 320)], &ONE),
        "running_out",
        "our own clock must agree"
    );
}

#[test]
fn a_reading_at_a_block_that_is_not_final_closes_nothing() {
    let mut early = unused("a", 320);
    early.final_reading = Some(FinalReading {
        used: false,
        number: 299,
    });
    assert_eq!(
        decided(&facts(Unknown, 320), [early.clone()], &ONE),
        "running_out"
    );
    // A node that keeps no old state is asked at its latest block, which comes after the final one.
    early.final_reading = Some(FinalReading {
        used: false,
        number: 320,
    });
    assert_eq!(decided(&facts(Unknown, 320), [early.clone()], &ONE), "expired");
    early.final_reading = Some(FinalReading {
        used: false,
        number: 321,
    });
    assert_eq!(decided(&facts(Unknown, 320), [early], &ONE), "running_out");
}

#[test]
fn a_chain_without_a_final_block_closes_nothing() {
    let mut endless = unused("a", 9_000);
    endless.heads = Heads::new(block(9_000), None, None).unwrap();
    assert_eq!(decided(&facts(Unknown, 9_000), [endless], &ONE), "running_out");
}

#[test]
fn of_two_endpoints_both_must_say_that_a_payment_is_unpaid() {
    let facts = facts(Unknown, 320);
    assert_eq!(decided(&facts, [unused("a", 320)], &TWO), "second_endpoint");
    assert_eq!(
        decided(&facts, [unused("a", 320), unused("b", 319)], &TWO),
        "second_endpoint",
        "the other one is not there yet"
    );
    assert_eq!(
        decided(&facts, [unused("a", 320), unused("b", 330)], &TWO),
        "expired"
    );
    let silent = view("b", 330);
    assert_eq!(
        decided(&facts, [unused("a", 320), silent], &TWO),
        "second_endpoint"
    );
}

#[test]
fn a_reverted_transaction_alone_closes_nothing() {
    let reverted = View {
        used: Some(false),
        ..mined("a", 60, reverted(50))
    };
    assert_eq!(decided(&named(Submitted, 60), [reverted.clone()], &ONE), "resend");
    let late = View {
        used: None,
        ..reverted
    };
    assert_eq!(
        decided(&named(Submitted, 320), [late], &ONE),
        "chain_silent",
        "the nonce must be asked for"
    );
}

#[test]
fn a_cancelled_authorization_fails_the_payment_once_that_is_final() {
    let canceled = |latest| View {
        used: Some(true),
        by_nonce: vec![sighting(receipt(TX, 50, vec![canceled(TOKEN, PAYER, NONCE, 0)]))],
        ..view("a", latest)
    };
    for status in [Pending, Submitted, Unknown, Accepted] {
        assert_eq!(
            decided(&facts(status, 69), [canceled(69)], &ONE),
            "not_final",
            "{status}"
        );
        assert_eq!(
            decided(&facts(status, 70), [canceled(70)], &ONE),
            "failed",
            "{status}"
        );
    }
    assert_eq!(
        decided(&facts(Unknown, 70), [canceled(70)], &TWO),
        "second_endpoint"
    );
    let other = View {
        endpoint: "b".to_owned(),
        ..canceled(70)
    };
    assert_eq!(
        decided(&facts(Unknown, 70), [canceled(70), other], &TWO),
        "failed"
    );
}

#[test]
fn a_use_without_the_signed_transfer_is_put_before_a_person() {
    let elsewhere = [
        vec![used(TOKEN, PAYER, NONCE, 0)],
        vec![
            used(TOKEN, PAYER, NONCE, 0),
            transfer(TOKEN, PAYER, PAYEE, VALUE - 1, 1),
        ],
        vec![
            used(TOKEN, PAYER, NONCE, 0),
            transfer(TOKEN, PAYER, PAYER, VALUE, 1),
        ],
        vec![
            used(TOKEN, PAYER, NONCE, 0),
            transfer(PAYEE, PAYER, PAYEE, VALUE, 1),
        ],
        vec![
            transfer(TOKEN, PAYER, PAYEE, VALUE, 0),
            used(TOKEN, PAYER, NONCE, 1),
        ],
    ];
    for logs in elsewhere {
        let odd = View {
            used: Some(true),
            by_nonce: vec![sighting(receipt(TX, 50, logs))],
            ..view("a", 70)
        };
        assert_eq!(
            decided(&facts(Unknown, 70), [odd.clone()], &ONE),
            "review",
            "{odd:?}"
        );
        assert_eq!(
            decided(&facts(Accepted, 70), [odd.clone()], &ONE),
            "review",
            "{odd:?}"
        );
        assert_eq!(decided(&facts(Expired, 70), [odd], &ONE), "closed");
    }
}

#[test]
fn a_deferred_payment_never_expires_by_time() {
    for valid_before in [U256::MAX, U256::from(GENESIS)] {
        let mut deferred = facts(Accepted, 320);
        deferred.scheme = crate::x402::Scheme::AggrDeferred;
        deferred.valid_before = valid_before;
        assert_eq!(decided(&deferred, [unused("a", 9_000)], &ONE), "deferred");
    }
}

#[test]
fn without_an_endpoint_no_word_of_the_facilitator_closes_a_payment_as_unpaid() {
    let said = [
        None,
        Some(HashStatus::Failed { reason: None }),
        Some(HashStatus::NotFound),
        Some(HashStatus::Pending),
    ];
    for facilitator in said {
        for status in [Submitted, Unknown] {
            let seen = Observations {
                views: vec![],
                facilitator: facilitator.clone(),
            };
            let late = decide(&named(status, 9_000), &seen, &NONE);
            assert_eq!(word(&late), "no_chain", "{status} {facilitator:?}");
        }
    }
}

#[test]
fn without_an_endpoint_the_facilitators_success_settles_a_payment() {
    let seen = Observations {
        views: vec![],
        facilitator: Some(HashStatus::Succeeded),
    };
    let decision = decide(&named(Submitted, 9_000), &seen, &NONE);
    let Decision::Settled(proof) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(
        (proof.tx_hash, proof.place, proof.finality),
        (TX, None, Finality::None)
    );
    assert_eq!(
        word(&decide(&facts(Unknown, 9_000), &seen, &NONE)),
        "no_chain",
        "success of what?"
    );
    // With an endpoint, even one that is down, the facilitator's word is not enough.
    assert_eq!(word(&decide(&named(Submitted, 60), &seen, &ONE)), "chain_down");
}
