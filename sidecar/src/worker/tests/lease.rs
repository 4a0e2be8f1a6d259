use std::sync::Arc;

use insforge_protocol::ledger::Status;
use tokio::time::sleep;
use uuid::Uuid;

use super::fake::LEASE;
use super::fake_facilitator::FakeFacilitator;
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
    sleep(5 * SECOND).await;
    settler.ledger.take_over(Uuid::from_u128(1));
    sleep(30 * SECOND).await;
    assert!(settler.metric("x402_outcomes_stale_total 1"));
    assert!(settler.metric("x402_leases_lost_total 1"));
    assert!(settler.metric("x402_in_flight 0"));
    let books = settler.ledger.books();
    assert!(
        books
            .rows
            .values()
            .all(|row| row.reports.is_empty() && row.status == Status::Settling)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_outlives_an_outage_longer_than_its_lease_is_not_repeated() {
    let facilitator = FakeFacilitator::scripted([]);
    *facilitator.latency.lock().unwrap() = 25 * SECOND;
    let settler = Settler::start(with(2), facilitator, WIDE);
    sleep(SECOND).await;
    settler.ledger.books().down = true;
    sleep(2 * LEASE).await;
    settler.ledger.books().down = false;
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 2, "the answers were waited for");
    assert!(settler.metric("x402_outcomes_stale_total 0"));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_waits_out_an_outage_longer_than_its_lease_is_kept() {
    let facilitator = FakeFacilitator::scripted([]);
    *facilitator.latency.lock().unwrap() = SECOND;
    let settler = Settler::start(with(20), facilitator, WIDE);
    sleep(SECOND / 2).await;
    settler.ledger.books().down = true;
    sleep(3 * LEASE).await;
    settler.ledger.books().down = false;
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 20);
    assert!(settler.metric("x402_outcomes_stale_total 0"));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_slept_past_its_lease_does_not_start_the_call() {
    let ledger = with(1);
    ledger.books().latency = LEASE + SECOND;
    let settler = Settler::start(ledger, Arc::default(), WIDE);
    sleep(4 * LEASE).await;
    assert_eq!(settler.facilitator.called(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_takes_claims_and_no_intents_is_not_asked_in_a_loop() {
    let ledger = with(1);
    (ledger.books().full, ledger.books().unproven) = (true, true);
    let settler = Settler::start(ledger, Arc::default(), WIDE);
    // The database rings for a payment that was put back.
    for _ in 0..100 {
        settler.bell.ring();
        sleep(SECOND / 10).await;
    }
    let intents = settler.ledger.count("begin");
    assert!((5..=25).contains(&intents), "{intents} in ten seconds");
    settler.ledger.books().full = false;
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_a_claim_with_intents_fails_the_next_one_is_without_and_nobody_spins() {
    let ledger = with(1);
    ledger.books().full = true;
    let settler = Settler::start(ledger, Arc::default(), WIDE);
    sleep(60 * SECOND).await;
    let statements = settler.ledger.books().statements.clone();
    let claims: Vec<_> = statements
        .iter()
        .filter(|name| name.starts_with("claim"))
        .collect();
    assert_eq!(claims[..2], [&"claim to settle", &"claim"]);
    assert!((5..=120).contains(&claims.len()), "{} in a minute", claims.len());
    assert_eq!(settler.facilitator.called(), 0);
    settler.ledger.books().full = false;
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 1);
}
