//! Endpoints that lie, lag, mix chains or break. None of it may close a payment.

use super::*;
use crate::ledger::Status::*;

#[test]
fn a_receipt_of_a_block_that_the_chain_does_not_have_settles_nothing() {
    let mut orphan = mined("a", 60, paying(50));
    if let Named::Mined(sighting) = &mut orphan.named {
        sighting.block.hash = B256::repeat_byte(0xee);
    }
    orphan.used = Some(false);
    assert_eq!(decided(&named(Unknown, 20), [orphan], &ONE), "in_flight");
}

#[test]
fn a_receipt_from_above_the_latest_block_settles_nothing() {
    let ahead = View {
        used: Some(false),
        ..mined("a", 49, paying(50))
    };
    assert_eq!(decided(&named(Unknown, 20), [ahead], &ONE), "in_flight");
}

#[test]
fn a_receipt_of_another_token_payer_nonce_or_with_status_0_settles_nothing() {
    let other = Address::repeat_byte(1);
    let odd = [
        receipt(
            TX,
            50,
            vec![
                used(other, PAYER, NONCE, 0),
                transfer(other, PAYER, PAYEE, VALUE, 1),
            ],
        ),
        receipt(
            TX,
            50,
            vec![
                used(TOKEN, other, NONCE, 0),
                transfer(TOKEN, other, PAYEE, VALUE, 1),
            ],
        ),
        receipt(
            TX,
            50,
            vec![
                used(TOKEN, PAYER, B256::ZERO, 0),
                transfer(TOKEN, PAYER, PAYEE, VALUE, 1),
            ],
        ),
        receipt(TX, 50, vec![transfer(TOKEN, PAYER, PAYEE, VALUE, 0)]),
        Receipt {
            succeeded: false,
            ..paying(50)
        },
    ];
    for receipt in odd {
        let view = View {
            used: Some(false),
            ..mined("a", 60, receipt)
        };
        assert_eq!(
            decided(&named(Unknown, 60), [view.clone()], &ONE),
            "resend",
            "{view:?}"
        );
    }
}

#[test]
fn an_endpoint_that_contradicts_itself_is_not_believed() {
    let used_and_not = View {
        used: Some(false),
        ..mined("a", 60, paying(50))
    };
    assert_eq!(decided(&named(Unknown, 60), [used_and_not], &ONE), "disagreement");

    let unused_later = View {
        used: Some(false),
        final_reading: Some(FinalReading {
            used: true,
            number: 300,
        }),
        ..view("a", 320)
    };
    assert_eq!(
        decided(&facts(Unknown, 320), [unused_later], &ONE),
        "disagreement"
    );

    let other = receipt(B256::repeat_byte(0xcd), 51, paying(51).logs);
    let twice = View {
        by_nonce: vec![sighting(other)],
        ..mined("a", 60, paying(50))
    };
    assert_eq!(decided(&named(Unknown, 60), [twice], &ONE), "disagreement");
}

#[test]
fn endpoints_that_contradict_each_other_close_nothing() {
    let paid = mined("a", 320, paying(50));
    for rules in [ONE, TWO] {
        let views = [paid.clone(), unused("b", 320)];
        assert_eq!(decided(&named(Unknown, 320), views, &rules), "disagreement");
        let hidden = View {
            used: Some(true),
            ..view("b", 310)
        };
        let views = [unused("a", 320), hidden];
        assert_eq!(decided(&facts(Unknown, 320), views, &rules), "disagreement");
    }
    let canceled = receipt(TX, 50, vec![canceled(TOKEN, PAYER, NONCE, 0)]);
    assert_eq!(
        decided(
            &named(Unknown, 320),
            [paid.clone(), mined("b", 320, canceled)],
            &TWO
        ),
        "disagreement"
    );
    let mut fork = mined("b", 320, paying(50));
    if let Named::Mined(sighting) = &mut fork.named {
        let hash = B256::repeat_byte(0xee);
        sighting.block.hash = hash;
        sighting.receipt.block_hash = hash;
    }
    assert_eq!(
        decided(&named(Unknown, 320), [paid, fork], &TWO),
        "disagreement",
        "another fork"
    );
}

#[test]
fn a_lagging_endpoint_does_not_hide_that_the_nonce_is_used() {
    let hidden = View {
        used: Some(true),
        ..view("a", 60)
    };
    assert_eq!(
        decided(&facts(Unknown, 60), [hidden.clone()], &ONE),
        "used_not_found"
    );
    assert_eq!(
        decided(&facts(Unknown, 60), [hidden, unused("b", 59)], &TWO),
        "used_not_found"
    );
}

#[test]
fn logs_that_were_pruned_leave_a_used_nonce_open_for_ever() {
    let pruned = View {
        used: Some(true),
        final_reading: Some(FinalReading {
            used: true,
            number: 8_980,
        }),
        ..view("a", 9_000)
    };
    assert_eq!(decided(&facts(Unknown, 9_000), [pruned], &ONE), "used_not_found");
}

#[test]
fn a_silent_endpoint_beside_a_talking_one_changes_nothing() {
    let views = [mined("a", 60, paying(50)), view("b", 60)];
    assert_eq!(decided(&named(Unknown, 60), views, &TWO), "settled");
    let views = [unused("a", 60), view("b", 60)];
    assert_eq!(decided(&facts(Unknown, 60), views, &TWO), "resend");
}
