//! A facilitator's "confirmed", checked before it settles a payment.

use insforge_protocol::ledger::Word;
use insforge_protocol::okx::Class;
use insforge_protocol::x402::{Payment, Requirements};
use serde_json::json;

use super::*;
use crate::chain::fake::{transfer, used};
use crate::settle::{Report, Witness, fixture};

fn confirmed(mock: bool) -> Report {
    let mut report = Report::new(fixture::claim().lease, Word::Settled.as_str());
    report.tx_hash = Some(TX_TEXT.to_owned());
    report.evidence = json!({ "http_status": 200 });
    report.mock = mock;
    report
}

async fn examined(nodes: &[&Node], report: Report) -> Report {
    let chains = Arc::new(Chains::new([chain(nodes)]));
    let witness = ChainWitness::new(chains, Arc::default());
    let claim = fixture::claim();
    let payment = Payment::parse(&claim.payment).unwrap();
    let requirements = Requirements::parse(&claim.requirements).unwrap();
    assert_eq!(witness.objection(&requirements), None);
    witness.examine(&payment, &requirements, report).await
}

#[tokio::test]
async fn what_the_chain_shows_is_settled_at_once_with_its_place() {
    let node = Node::start().await;
    node.chain().grow(49);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    let report = examined(&[&node], confirmed(false)).await;
    assert_eq!(report.outcome, "settled");
    assert_eq!(
        report.place.map(|place| (place.block_number, place.log_index)),
        Some((50, 1))
    );
    assert_eq!(report.evidence["http_status"], 200);
    assert_eq!(report.evidence["chain"]["event"], "paid");
}

#[tokio::test]
async fn what_the_chain_does_not_show_is_submitted_and_looked_at_soon() {
    let node = Node::start().await;
    node.chain().grow(49);
    node.chain()
        .mine(TX, true, vec![used(NONCE), transfer(VALUE - 1)]);
    let wrong_amount = examined(&[&node], confirmed(false)).await;
    node.manners().status = Some(500);
    let down = examined(&[&node], confirmed(false)).await;
    for report in [wrong_amount, down] {
        assert_eq!((report.outcome, report.place), ("submitted", None));
        assert_eq!(report.tx_hash.as_deref(), Some(TX_TEXT));
        assert!(report.retry_after_ms.is_some_and(|ms| ms <= 1_000));
    }
}

#[tokio::test]
async fn without_a_chain_or_in_mock_mode_the_word_stands() {
    let node = Node::start().await;
    node.chain().grow(49);
    assert_eq!(examined(&[], confirmed(false)).await, confirmed(false));
    assert_eq!(examined(&[&node], confirmed(true)).await, confirmed(true));
    assert_eq!(examined(&[], refused()).await, refused());
    assert!(node.manners().asked.is_empty());
}

fn refused() -> Report {
    Report::new(fixture::claim().lease, Word::Refused.as_str()).because("insufficient_balance", Class::Final)
}

#[tokio::test]
async fn a_refusal_stands_while_the_nonce_is_not_used_or_nobody_can_say() {
    let node = Node::start().await;
    node.chain().grow(49);
    assert_eq!(examined(&[&node], refused()).await, refused());
    node.manners().status = Some(500);
    assert_eq!(examined(&[&node], refused()).await, refused());
}

#[tokio::test]
async fn a_refusal_of_what_somebody_else_submitted_is_no_failure() {
    let node = Node::start().await;
    node.chain().grow(49);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    let report = examined(&[&node], refused()).await;
    assert_eq!(
        (report.outcome, report.class),
        ("unknown", Some(Class::Unknown.as_str()))
    );
    assert_eq!(
        report.reason.as_deref(),
        Some("insufficient_balance"),
        "their words are kept"
    );
    assert!(report.retry_after_ms.is_some_and(|ms| ms <= 1_000));
}
