//! Money that is there.

use super::*;
use crate::ledger::Status::{self, *};

const OPEN: [Status; 4] = [Pending, Submitted, Unknown, Accepted];

#[test]
fn a_receipt_with_use_and_transfer_settles_an_open_payment() {
    for status in OPEN {
        let decision = decide(&named(status, 60), &seen([mined("a", 60, paying(50))]), &ONE);
        let Decision::Settled(proof) = decision else {
            panic!("{status}: {decision:?}")
        };
        assert_eq!((proof.tx_hash, proof.finality), (TX, Finality::Safe));
        let place = proof.place.unwrap();
        assert_eq!((place.log_index, place.block_number), (5, 50));
        assert_eq!(place.block_hash, block(50).hash);
        let chain = &proof.evidence["chain"];
        assert_eq!(chain["submitter"], format!("{:#x}", Address::repeat_byte(9)));
        assert_eq!(chain["endpoints"], serde_json::json!(["a"]));
    }
}

#[test]
fn a_transaction_that_nobody_named_settles_a_payment_when_its_nonce_leads_there() {
    for status in OPEN {
        let found = View {
            used: Some(true),
            by_nonce: vec![sighting(paying(50))],
            ..view("a", 60)
        };
        assert_eq!(decided(&facts(status, 60), [found], &ONE), "settled", "{status}");
    }
}

#[test]
fn another_transaction_than_the_named_one_may_have_paid() {
    let other = B256::repeat_byte(0xcd);
    let logs = vec![
        used(TOKEN, PAYER, NONCE, 1),
        transfer(TOKEN, PAYER, PAYEE, VALUE, 2),
    ];
    let found = View {
        used: Some(true),
        by_nonce: vec![sighting(receipt(other, 50, logs))],
        ..mined("a", 60, reverted(40))
    };
    let decision = decide(&named(Submitted, 60), &seen([found]), &ONE);
    let Decision::Settled(proof) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(proof.tx_hash, other);
}

#[test]
fn a_block_that_is_not_deep_enough_names_the_transaction_but_settles_nothing() {
    let safe = Rules {
        settle_at: Finality::Safe,
        ..ONE
    };
    let view = || [mined("a", 60, paying(55))];
    assert_eq!(decided(&facts(Unknown, 60), view(), &safe), "submitted");
    assert_eq!(decided(&named(Submitted, 60), view(), &safe), "not_final");
    assert_eq!(decided(&facts(Submitted, 60), view(), &safe), "submitted");
    for status in [Pending, Accepted] {
        assert_eq!(
            decided(&facts(status, 60), view(), &safe),
            "not_final",
            "{status}"
        );
    }
    assert_eq!(
        decided(&facts(Unknown, 60), [mined("a", 65, paying(55))], &safe),
        "settled"
    );
}

#[test]
fn the_operator_may_want_two_endpoints_for_a_proof() {
    let both = Rules { proving: 2, ..TWO };
    let one = mined("a", 60, paying(50));
    let other = mined("b", 70, paying(50));
    assert_eq!(
        decided(&named(Unknown, 60), [one.clone()], &both),
        "second_endpoint"
    );
    let decision = decide(&named(Unknown, 60), &seen([one.clone(), other]), &both);
    let Decision::Settled(proof) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(
        proof.finality,
        Finality::Safe,
        "as final as the endpoint that says less"
    );
    let alone = Rules { proving: 2, ..ONE };
    assert_eq!(
        decided(&named(Unknown, 60), [one], &alone),
        "settled",
        "no more than there are"
    );
}

#[test]
fn a_payment_is_settled_by_an_endpoint_that_is_ahead_of_another() {
    let views = [mined("a", 60, paying(50)), unused("b", 49)];
    assert_eq!(decided(&named(Unknown, 60), views, &TWO), "settled");
}

#[test]
fn a_deferred_payment_is_settled_by_its_nonce_in_a_batch() {
    let mut deferred = facts(Accepted, 60);
    deferred.scheme = crate::x402::Scheme::AggrDeferred;
    deferred.valid_before = U256::MAX;
    assert_eq!(decided(&deferred, [unused("a", 60)], &ONE), "deferred");
    let batch = vec![
        used(TOKEN, PAYER, B256::repeat_byte(1), 0),
        transfer(TOKEN, PAYER, PAYEE, VALUE, 1),
        used(TOKEN, PAYER, NONCE, 2),
        transfer(TOKEN, PAYER, PAYEE, VALUE, 3),
    ];
    let found = View {
        used: Some(true),
        by_nonce: vec![sighting(receipt(TX, 50, batch))],
        ..view("a", 60)
    };
    let decision = decide(&deferred, &seen([found]), &ONE);
    let Decision::Settled(proof) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(proof.place.unwrap().log_index, 3);
}
