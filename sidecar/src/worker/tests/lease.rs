use std::sync::Arc;
use tokio::time::sleep;
use uuid::Uuid;

use super::fake::{FakeFacilitator, LEASE};
use super::{SECOND, Settler, WIDE, with};

#[tokio::test(start_paused = true)]
async fn a_database_outage_is_survived_and_outcomes_are_written_afterwards() {
    let facilitator = FakeFacilitator::scripted([]);
    *facilitator.latency.lock().unwrap() = SECOND;
    let settler = Settler::start(with(3), facilitator, WIDE);
    sleep(SECOND / 2).await;
    settler.ledger.books().down = true;
    sleep(3 * SECOND).await;
    assert_eq!(settler.facilitator.called(), 3);
    settler.ledger.books().down = false;
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 3, "the outcomes were kept");
}

#[tokio::test(start_paused = true)]
async fn long_calls_keep_their_lease_by_heartbeats() {
    let facilitator = FakeFacilitator::scripted([]);
    *facilitator.latency.lock().unwrap() = 30 * SECOND;
    let settler = Settler::start(with(2), facilitator, WIDE);
    settler.all_settled().await;
    assert_eq!(
        settler.facilitator.called(),
        2,
        "nobody claimed them a second time"
    );
    let beats = settler.ledger.count("extend");
    assert!((9..=13).contains(&beats), "{beats} statements for two payments");
    assert_eq!(settler.core.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_of_a_lost_lease_is_discarded_and_counted() {
    let facilitator = FakeFacilitator::scripted([]);
    *facilitator.latency.lock().unwrap() = 20 * SECOND;
    let settler = Settler::start(with(1), facilitator, WIDE);
    settler.ledger.books().steal = true;
    settler
        .ledger
        .until("claimed twice", |books| {
            books.rows.values().all(|row| row.attempt >= 2)
        })
        .await;
    settler.ledger.books().steal = false;
    settler.all_settled().await;
    assert!(settler.metric("x402_outcomes_stale_total 1"));
    assert!(settler.metric("x402_leases_lost_total 1"));
    assert_eq!(settler.ledger.books().rows[&Uuid::from_u128(1)].reports.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_slept_past_its_lease_does_not_start_the_call() {
    let ledger = with(1);
    ledger.books().latency = LEASE + SECOND;
    let settler = Settler::start(ledger, Arc::default(), WIDE);
    sleep(4 * LEASE).await;
    assert_eq!(settler.facilitator.called(), 0);
}
