//! The scan of incoming transfers, and the check of domains.

use std::collections::BTreeMap;

use insforge_protocol::asset::true_domain;

use super::fake::FakeArchive;
use super::*;
use crate::chain::fake::{transfer, used};
use crate::reconcile::scan::Progress;

fn scan(node: &Node, archive: &Arc<FakeArchive>) -> (Scan, Chain) {
    let scan = Scan::new(
        Arc::default(),
        archive.clone(),
        Arc::default(),
        Some(PAYEE),
        Duration::from_secs(1),
    );
    (scan, chain(&[node]))
}

fn archive() -> Arc<FakeArchive> {
    let archive = FakeArchive::default();
    archive.targets.lock().unwrap().push(ScanTarget {
        asset: TOKEN,
        pay_to: PAYEE,
    });
    Arc::new(archive)
}

#[tokio::test]
async fn a_transfer_to_our_payee_is_recorded_with_its_authorization_whoever_sent_it() {
    let node = Node::start().await;
    node.chain().grow(9);
    node.chain()
        .mine(TX, true, vec![transfer(7), used(NONCE), transfer(VALUE)]);
    node.chain().grow(20);
    let archive = archive();
    let (scan, chain) = scan(&node, &archive);
    let mut progress = Progress::default();
    assert_eq!(scan.round(&chain, &mut progress).await.unwrap(), 2);
    let found = archive.transfers.lock().unwrap().clone();
    assert_eq!((found[0].nonce.as_deref(), found[0].value.as_str()), (None, "7"));
    assert_eq!(found[1].nonce, Some(format!("{NONCE:#x}")));
    assert_eq!((found[1].log_index, found[1].block_number), (2, 10));
    assert_eq!(found[1].block_time, GENESIS + 10);
    assert_eq!(found[1].tx_hash, TX_TEXT);
    assert_eq!(
        archive
            .cursor
            .lock()
            .unwrap()
            .as_ref()
            .map(|cursor| cursor.next_block),
        Some(21)
    );
}

#[tokio::test]
async fn each_round_goes_on_where_the_last_one_ended_and_steps_back_after_a_reorganisation() {
    let node = Node::start().await;
    node.chain().grow(20);
    let archive = archive();
    let (scan, chain) = scan(&node, &archive);
    let mut progress = Progress::default();
    assert_eq!(scan.round(&chain, &mut progress).await.unwrap(), 0);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    assert_eq!(scan.round(&chain, &mut progress).await.unwrap(), 1);
    assert_eq!(
        scan.round(&chain, &mut progress).await.unwrap(),
        0,
        "not found twice"
    );
    node.chain().reorganise(15);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    assert_eq!(scan.round(&chain, &mut progress).await.unwrap(), 1);
}

#[tokio::test]
async fn only_one_sidecar_scans() {
    let node = Node::start().await;
    node.chain().grow(20);
    let archive = archive();
    *archive.taken.lock().unwrap() = true;
    let (scan, chain) = scan(&node, &archive);
    assert!(scan.round(&chain, &mut Progress::default()).await.is_err());
    assert!(!node.manners().asked.contains(&"eth_getLogs".to_owned()));
}

#[tokio::test]
async fn a_token_whose_domain_changed_is_not_trusted_until_it_changed_back() {
    let node = Node::start().await;
    node.chain().grow(20);
    let archive = archive();
    let domains: Arc<Domains> = Arc::default();
    let check = DomainCheck::new(Arc::default(), archive.clone(), domains.clone(), Arc::default());
    let chain = chain(&[&node]);
    let right = true_domain(Network::X_LAYER, TOKEN, &[]).unwrap().separator();
    for (read, trusted) in [(right, true), (B256::ZERO, false), (right, true)] {
        node.manners().separator = read;
        assert!(check.round(&chain, &mut BTreeMap::new()).await);
        assert_eq!(domains.is_trusted(Network::X_LAYER, TOKEN), trusted);
    }
}

#[tokio::test]
async fn an_endpoint_that_lies_about_a_domain_cannot_stop_a_shop_and_one_that_is_down_says_nothing() {
    let liar = Node::start().await;
    liar.chain().grow(20);
    let honest = Node::over(liar.chain.clone()).await;
    honest.manners().separator = true_domain(Network::X_LAYER, TOKEN, &[]).unwrap().separator();
    let domains: Arc<Domains> = Arc::default();
    let check = DomainCheck::new(Arc::default(), archive(), domains.clone(), Arc::default());
    assert!(check.round(&chain(&[&liar, &honest]), &mut BTreeMap::new()).await);
    assert!(domains.is_trusted(Network::X_LAYER, TOKEN));
    liar.manners().status = Some(500);
    assert!(!check.round(&chain(&[&liar]), &mut BTreeMap::new()).await);
    assert!(domains.is_trusted(Network::X_LAYER, TOKEN));
}
