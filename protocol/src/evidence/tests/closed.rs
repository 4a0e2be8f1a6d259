//! Payments that were closed as unpaid.

use super::*;
use crate::ledger::Status::*;

#[test]
fn money_that_arrives_late_is_put_before_a_person() {
    for status in [Failed, Expired] {
        let decision = decide(&facts(status, 900), &seen([mined("a", 900, paying(280))]), &ONE);
        let Decision::Review { why, evidence } = decision else {
            panic!("{status}: {decision:?}")
        };
        assert_eq!(why, Oddity::LateMoney);
        assert_eq!(evidence["chain"]["log_index"], 5);
    }
}

#[test]
fn late_money_in_a_block_that_may_still_go_waits() {
    let safe = Rules {
        settle_at: Finality::Safe,
        ..ONE
    };
    assert_eq!(
        decided(&facts(Expired, 900), [mined("a", 285, paying(280))], &safe),
        "not_final"
    );
}

#[test]
fn nothing_else_touches_a_closed_payment() {
    let canceled = View {
        used: Some(true),
        by_nonce: vec![sighting(receipt(TX, 50, vec![canceled(TOKEN, PAYER, NONCE, 0)]))],
        ..view("a", 900)
    };
    for status in [Failed, Expired, Review] {
        for view in [unused("a", 900), canceled.clone(), mined("a", 900, reverted(50))] {
            let view = View {
                used: view.used.or(Some(false)),
                ..view
            };
            assert_eq!(decided(&facts(status, 900), [view], &ONE), "closed", "{status}");
        }
    }
    assert_eq!(
        decided(&facts(Review, 900), [mined("a", 900, paying(50))], &ONE),
        "closed"
    );
}
