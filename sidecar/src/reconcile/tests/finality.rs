//! Settled payments until they are final.

use uuid::Uuid;

use super::fake::FakeArchive;
use super::*;
use crate::chain::fake::{transfer, used};

fn settled(id: u128, block: Option<(u64, B256)>, finality: Finality) -> Unproven {
    Unproven {
        id: Uuid::from_u128(id),
        tx_hash: Some(TX),
        block,
        log_index: block.map(|_| 1),
        finality,
        payer: PAYER,
        pay_to: PAYEE,
        asset: TOKEN,
        value: U256::from(VALUE),
        nonce: NONCE,
        scheme: Scheme::Exact,
        valid_before: U256::from(GENESIS + 300),
        created: GENESIS,
        settled: GENESIS + 2,
    }
}

/// Runs the tracker until it recorded something, and returns what.
async fn recorded(nodes: &[&Node], unproven: Vec<Unproven>) -> Vec<Confirmation> {
    let archive = Arc::new(FakeArchive::default());
    *archive.unproven.lock().unwrap() = unproven;
    let chains = Arc::new(Chains::new([chain(nodes)]));
    let tracker = FinalityTracker::new(chains, archive.clone(), Arc::default(), Duration::from_millis(20));
    let stop = CancellationToken::new();
    let run = tracker.run(stop.clone());
    let confirmed = tokio::time::timeout(Duration::from_secs(2), archive.confirmed.notified());
    tokio::select! {
        () = run => {}
        _ = confirmed => {}
    }
    archive.confirmations.lock().unwrap().clone()
}

async fn paid_at_50(height: u64) -> (Node, B256) {
    let node = Node::start().await;
    node.chain().grow(49);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    node.chain().grow(height);
    let block = node.endpoint().block_numbered(50).await.unwrap().unwrap();
    (node, block.hash)
}

#[tokio::test]
async fn finality_rises_with_one_question_per_block() {
    let (node, hash) = paid_at_50(70).await;
    node.manners().asked.clear();
    let payments = (1..=30).map(|id| settled(id, Some((50, hash)), Finality::Latest));
    let confirmations = recorded(&[&node], payments.collect()).await;
    assert_eq!(confirmations.len(), 30);
    assert!(
        confirmations
            .iter()
            .all(|one| one.finality == Some("finalized") && one.outcome == "confirmed")
    );
    let asked = node.manners().asked.len();
    assert!(asked < 12, "{asked} calls for 30 payments of one block");
}

#[tokio::test]
async fn a_facilitators_word_is_replaced_by_the_chains_proof() {
    let (node, hash) = paid_at_50(60).await;
    let confirmations = recorded(&[&node], vec![settled(1, None, Finality::None)]).await;
    let one = &confirmations[0];
    assert_eq!(
        (one.block_number, one.log_index, one.finality),
        (Some(50), Some(1), Some("safe"))
    );
    assert_eq!(one.block_hash, Some(format!("{hash:#x}")));
}

#[tokio::test]
async fn a_payment_whose_block_was_reorganised_away_goes_back_to_work() {
    let (node, hash) = paid_at_50(55).await;
    node.chain().reorganise(50);
    let confirmations = recorded(&[&node], vec![settled(1, Some((50, hash)), Finality::Latest)]).await;
    assert_eq!(confirmations[0].outcome, "reorganised");
    assert_eq!(confirmations[0].tx_hash, TX_TEXT);
}

#[tokio::test]
async fn one_endpoint_of_two_cannot_take_a_settlement_back() {
    let (node, hash) = paid_at_50(55).await;
    let forked = Node::start().await;
    *forked.chain() = node.chain().clone();
    forked.chain().reorganise(50);
    let confirmations = recorded(
        &[&forked, &node],
        vec![settled(1, Some((50, hash)), Finality::None)],
    )
    .await;
    assert!(
        confirmations.iter().all(|one| one.outcome == "confirmed"),
        "{confirmations:?}"
    );
}
