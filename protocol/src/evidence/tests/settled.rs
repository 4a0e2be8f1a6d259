//! Payments that are settled, looked at again until they are final.

use super::*;
use crate::ledger::Status::Settled;

fn settled(block_number: Option<u64>, finality: Finality) -> PaymentFacts {
    PaymentFacts {
        recorded: Recorded {
            block_number,
            finality,
        },
        ..named(Settled, 60)
    }
}

#[test]
fn finality_rises_with_the_chains_tags() {
    for (latest, finality) in [
        (55, Finality::Latest),
        (60, Finality::Safe),
        (70, Finality::Finalized),
    ] {
        let decision = decide(
            &settled(Some(50), Finality::Latest),
            &seen([mined("a", latest, paying(50))]),
            &ONE,
        );
        let Decision::Settled(proof) = decision else {
            panic!("{decision:?}")
        };
        assert_eq!(proof.finality, finality);
    }
}

#[test]
fn the_facilitators_word_is_replaced_by_a_proof() {
    let decision = decide(
        &settled(None, Finality::None),
        &seen([mined("a", 60, paying(50))]),
        &ONE,
    );
    let Decision::Settled(proof) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(proof.place.unwrap().log_index, 5);
}

#[test]
fn a_transfer_that_a_reorganisation_removed_is_submitted_again() {
    let facts = settled(Some(50), Finality::Latest);
    let gone = |endpoint, latest| View {
        named: Named::Absent,
        ..unused(endpoint, latest)
    };
    assert_eq!(decided(&facts, [gone("a", 51)], &ONE), "submitted");
    assert_eq!(
        decided(&facts, [gone("a", 49)], &ONE),
        "second_endpoint",
        "an endpoint that lags behind proves nothing"
    );
    assert_eq!(decided(&facts, [gone("a", 51)], &TWO), "second_endpoint");
    assert_eq!(decided(&facts, [gone("a", 51), gone("b", 52)], &TWO), "submitted");
}

#[test]
fn a_transfer_that_came_back_in_another_block_stays_settled() {
    let decision = decide(
        &settled(Some(50), Finality::Latest),
        &seen([mined("a", 60, paying(52))]),
        &ONE,
    );
    let Decision::Settled(proof) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(proof.place.unwrap().block_number, 52);
}

#[test]
fn a_payment_that_another_transaction_settled_goes_through_submitted() {
    let other = B256::repeat_byte(0xcd);
    let logs = vec![
        used(TOKEN, PAYER, NONCE, 1),
        transfer(TOKEN, PAYER, PAYEE, VALUE, 2),
    ];
    let found = View {
        used: Some(true),
        by_nonce: vec![sighting(receipt(other, 50, logs))],
        named: Named::Absent,
        ..view("a", 60)
    };
    let decision = decide(&settled(Some(50), Finality::Latest), &seen([found]), &ONE);
    assert!(
        matches!(decision, Decision::Submitted { tx_hash, .. } if tx_hash == other),
        "{decision:?}"
    );
}

#[test]
fn a_facilitator_that_lied_is_found_out_but_not_by_an_endpoint_that_lags() {
    let word_only = PaymentFacts {
        since: GENESIS + 100,
        ..settled(None, Finality::None)
    };
    let gone = |latest| View {
        named: Named::Absent,
        ..unused("a", latest)
    };
    assert_eq!(decided(&word_only, [gone(129)], &ONE), "second_endpoint");
    assert_eq!(decided(&word_only, [gone(130)], &ONE), "submitted");
}

#[test]
fn what_is_final_is_never_taken_back() {
    let last = settled(Some(50), Finality::Finalized);
    assert_eq!(decided(&last, [unused("a", 900)], &ONE), "disagreement");
    let canceled = View {
        used: Some(true),
        by_nonce: vec![sighting(receipt(TX, 50, vec![canceled(TOKEN, PAYER, NONCE, 0)]))],
        ..view("a", 900)
    };
    assert_eq!(decided(&last, [canceled], &ONE), "disagreement");
}
