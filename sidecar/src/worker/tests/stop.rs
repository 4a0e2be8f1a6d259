use insforge_protocol::ledger::Status;
use std::sync::Arc;
use tokio::time::{Instant, sleep};

use super::fake_facilitator::{Act, FakeFacilitator};
use super::{NOW, SECOND, Settler, WIDE, with};

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_calls_in_flight_and_writes_their_outcomes() {
    let facilitator = FakeFacilitator::scripted([]);
    *facilitator.latency.lock().unwrap() = 10 * SECOND;
    let settler = Settler::start(with(3), facilitator, WIDE);
    sleep(SECOND).await;
    assert_eq!(settler.stop(25 * SECOND).await, 0);
    settler.all_settled().await;
    settler.ledger.add(4, NOW);
    settler.bell.ring();
    sleep(60 * SECOND).await;
    assert_eq!(
        settler.facilitator.called(),
        3,
        "nothing is claimed after the stop"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_the_grace_is_recorded_as_unknown() {
    let settler = Settler::start(with(2), FakeFacilitator::scripted([Act::Hang, Act::Settle]), WIDE);
    sleep(SECOND).await;
    assert_eq!(settler.stop(25 * SECOND).await, 0);
    let books = settler.ledger.books();
    let outcomes: Vec<_> = books.rows.values().map(|row| row.reports[0].outcome).collect();
    assert_eq!(outcomes, ["unknown", "settled"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_with_the_database_down_ends_in_bounded_time() {
    let settler = Settler::start(with(2), FakeFacilitator::scripted([Act::Hang; 2]), WIDE);
    sleep(SECOND).await;
    settler.ledger.books().down = true;
    let before = Instant::now();
    assert_eq!(settler.stop(25 * SECOND).await, 2);
    assert!(before.elapsed() <= 31 * SECOND);
    let books = settler.ledger.books();
    assert!(
        books.rows.values().all(|row| row.status == Status::Settling),
        "left for the sweep"
    );
}

#[tokio::test(start_paused = true)]
async fn claims_that_were_not_begun_are_handed_back_by_a_stop() {
    let ledger = with(2);
    ledger.books().unproven = true;
    ledger.books().latency = SECOND / 2;
    let settler = Settler::start(ledger, Arc::default(), WIDE);
    sleep(SECOND / 4).await;
    assert_eq!(settler.stop(25 * SECOND).await, 0);
    settler
        .ledger
        .until("handed back", |books| books.statements.contains(&"release"))
        .await;
    assert_eq!(
        (settler.ledger.count("begin"), settler.facilitator.called()),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn claims_that_came_with_their_intent_are_recorded_as_not_sent_by_a_stop() {
    let ledger = with(2);
    ledger.books().latency = SECOND / 2;
    let settler = Settler::start(ledger, Arc::default(), WIDE);
    sleep(SECOND / 4).await;
    assert_eq!(settler.stop(25 * SECOND).await, 0);
    assert_eq!(settler.facilitator.called(), 0);
    let books = settler.ledger.books();
    for row in books.rows.values() {
        assert_eq!(
            (row.status, row.reports[0].outcome),
            (Status::Pending, "not_sent")
        );
        assert_eq!(
            row.reports[0].retry_after_ms,
            Some(0),
            "another worker takes it at once"
        );
    }
}
