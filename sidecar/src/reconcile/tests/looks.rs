//! One look at one payment, from the claim to the record.

use insforge_protocol::okx::HashStatus;

use super::fake::Act;
use super::*;
use crate::chain::fake::{canceled, transfer, used};

async fn bench(status: Status, tx: Option<&str>, now: u64, nodes: &[&Node]) -> Bench {
    Bench::new(OneRow::new(status, tx, now), FakeCourier::default(), nodes).await
}

#[tokio::test]
async fn a_payment_of_unknown_outcome_that_landed_is_settled_with_its_place() {
    let node = Node::start().await;
    node.chain().grow(49);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    node.chain().grow(60);
    let bench = bench(Status::Unknown, None, 60, &[&node]).await;
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Settled);
    let report = bench.ledger.last();
    assert_eq!(report.tx_hash.as_deref(), Some(TX_TEXT));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        (&json["log_index"], &json["block_number"], &json["finality"]),
        (&1.into(), &50.into(), &"safe".into())
    );
    assert_eq!(*bench.courier.sent.lock().unwrap(), 0);
    bench.recorder.stop().await;
}

#[tokio::test]
async fn an_unused_payment_is_sent_again_and_settled_only_when_the_chain_shows_it() {
    let node = Node::start().await;
    node.chain().grow(60);
    let bench = bench(Status::Unknown, None, 60, &[&node]).await;
    bench
        .courier
        .acts
        .lock()
        .unwrap()
        .push_back(Act::Confirm(TX_TEXT));
    bench.look().await;
    assert_eq!(
        bench.ledger.status(),
        Status::Submitted,
        "confirmed, but the chain does not show it"
    );
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Settled);
    assert_eq!(*bench.courier.sent.lock().unwrap(), 1);
}

#[tokio::test]
async fn after_a_reverted_transaction_another_one_that_paid_is_found_by_the_nonce() {
    let node = Node::start().await;
    node.chain().grow(60);
    let bench = bench(Status::Submitted, Some(TX_TEXT), 20, &[&node]).await;
    node.chain().mine(TX, false, vec![]);
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Unknown, "the transaction reverted");
    assert_eq!(bench.ledger.last().retry_after_ms, Some(0));
    let second = B256::repeat_byte(0xcd);
    node.chain()
        .mine(second, true, vec![used(NONCE), transfer(VALUE)]);
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Settled, "found by its nonce");
}

#[tokio::test]
async fn refusals_after_an_unknown_attempt_prove_nothing() {
    let node = Node::start().await;
    node.chain().grow(60);
    let bench = bench(Status::Unknown, None, 60, &[&node]).await;
    bench
        .courier
        .acts
        .lock()
        .unwrap()
        .extend([Act::Refuse, Act::Cut, Act::NotNow]);
    for _ in 0..3 {
        bench.look().await;
        assert_eq!(bench.ledger.status(), Status::Unknown);
    }
    assert_eq!(*bench.courier.sent.lock().unwrap(), 2);
    assert_eq!(bench.ledger.last().retry_after_ms, Some(5_000));
}

#[tokio::test]
async fn an_unused_payment_expires_when_two_endpoints_agree_and_not_before() {
    let node = Node::start().await;
    node.chain().grow(320);
    let other = Node::over(node.chain.clone()).await;
    other.manners().lag = 30;
    let bench = bench(Status::Unknown, None, 330, &[&node, &other]).await;
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Unknown);
    other.manners().lag = 0;
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Expired);
    let unused = bench.ledger.last().evidence["chain"]["unused"].clone();
    assert_eq!(unused.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_cancelled_authorization_fails_the_payment() {
    let node = Node::start().await;
    node.chain().grow(9);
    node.chain().mine(TX, true, vec![canceled(NONCE)]);
    node.chain().grow(60);
    let bench = bench(Status::Unknown, None, 60, &[&node]).await;
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Failed);
    assert_eq!(
        bench.ledger.last().reason.as_deref(),
        Some("authorization_canceled")
    );
}

#[tokio::test]
async fn a_use_without_the_transfer_goes_to_review() {
    let node = Node::start().await;
    node.chain().grow(9);
    node.chain()
        .mine(TX, true, vec![used(NONCE), transfer(VALUE - 1)]);
    node.chain().grow(60);
    let bench = bench(Status::Unknown, None, 60, &[&node]).await;
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Review);
}

#[tokio::test]
async fn while_the_chain_is_down_a_payment_waits_and_nothing_is_sent() {
    let node = Node::start().await;
    node.manners().status = Some(502);
    let bench = bench(Status::Unknown, None, 60, &[&node]).await;
    bench.look().await;
    let report = bench.ledger.last();
    assert_eq!(
        (report.outcome, bench.ledger.status()),
        ("waiting", Status::Unknown)
    );
    assert!(report.retry_after_ms.is_some_and(|ms| ms >= 20_000), "{report:?}");
    assert_eq!(*bench.courier.sent.lock().unwrap(), 0);
}

#[tokio::test]
async fn without_a_chain_the_facilitators_word_settles_and_nothing_closes_a_payment_unpaid() {
    let bench = bench(Status::Submitted, Some(TX_TEXT), 20, &[]).await;
    *bench.courier.status.lock().unwrap() = Some(HashStatus::NotFound);
    bench.look().await;
    assert_eq!(
        bench.ledger.status(),
        Status::Submitted,
        "not found is no failure"
    );
    *bench.courier.status.lock().unwrap() = Some(HashStatus::Succeeded);
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Settled);
    assert_eq!(bench.ledger.last().place, None);

    let late = Bench::new(
        OneRow::new(Status::Unknown, None, 900),
        FakeCourier::default(),
        &[],
    )
    .await;
    late.look().await;
    assert_eq!(
        (late.ledger.status(), late.ledger.last().outcome),
        (Status::Unknown, "waiting")
    );
}

#[tokio::test]
async fn a_payment_that_is_mined_asks_the_facilitator_nothing() {
    let node = Node::start().await;
    node.chain().grow(49);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    let bench = bench(Status::Submitted, Some(TX_TEXT), 60, &[&node]).await;
    bench.look().await;
    assert_eq!(bench.ledger.status(), Status::Settled);
    assert_eq!(*bench.courier.asked.lock().unwrap(), 0);
}

#[tokio::test]
async fn in_mock_mode_no_chain_is_asked() {
    let node = Node::start().await;
    node.chain().grow(60);
    let courier = FakeCourier {
        mock: true,
        ..FakeCourier::default()
    };
    let bench = Bench::new(OneRow::new(Status::Unknown, None, 60), courier, &[&node]).await;
    bench.look().await;
    assert!(node.manners().asked.is_empty());
    assert_eq!(*bench.courier.sent.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_stop_hands_a_claim_back_that_was_only_looked_at() {
    let node = Node::start().await;
    node.chain().grow(60);
    let bench = bench(Status::Unknown, None, 60, &[&node]).await;
    let claim = {
        use crate::settle::Ledger;
        bench.ledger.claim(1, false).await.unwrap().remove(0)
    };
    let flight = bench
        .parts
        .flights
        .take_off(claim.lease, claim.claimed_at)
        .unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    bench.parts.resolve(claim, flight, stop).await;
    assert_eq!((bench.ledger.row().released, bench.parts.flights.len()), (1, 0));
    assert_eq!(*bench.courier.sent.lock().unwrap(), 0);
}
