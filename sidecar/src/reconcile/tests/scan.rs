//! The scan of incoming transfers, and the check of domains.

use std::collections::BTreeMap;

use insforge_protocol::asset::true_domain;
use serde_json::json;

use super::fake::FakeArchive;
use super::*;
use crate::bell::Bell;
use crate::chain::fake::{transfer, used};
use crate::reconcile::scan::Progress;

/// A scan that somebody rings for new payments, last long ago.
struct Rig {
    scan: Scan,
    bell: Arc<Bell>,
    archive: Arc<FakeArchive>,
    progress: Progress,
}

impl Rig {
    async fn new(archive: Arc<FakeArchive>) -> Self {
        let bell: Arc<Bell> = Arc::default();
        bell.set_listening(true);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(2)).await;
        tokio::time::resume();
        let scan = Scan::new(
            Arc::default(),
            archive.clone(),
            Arc::default(),
            bell.clone(),
            Some(PAYEE),
            Duration::from_secs(1),
        );
        Self {
            scan,
            bell,
            archive,
            progress: Progress::default(),
        }
    }

    async fn round(&mut self, chain: &Chain) -> usize {
        self.scan.round(chain, &mut self.progress).await.unwrap()
    }

    fn next_block(&self) -> Option<u64> {
        let cursor = self.archive.cursor.lock().unwrap();
        cursor.as_ref().map(|cursor| cursor.next_block)
    }

    fn found(&self) -> Vec<Transfer> {
        self.archive.transfers.lock().unwrap().clone()
    }
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
    let mut rig = Rig::new(archive()).await;
    assert_eq!(rig.round(&chain(&[&node])).await, 2);
    let found = rig.found();
    assert_eq!((found[0].nonce.as_deref(), found[0].value.as_str()), (None, "7"));
    assert_eq!(found[1].nonce, Some(format!("{NONCE:#x}")));
    assert_eq!((found[1].log_index, found[1].block_number), (2, 10));
    assert_eq!(found[1].block_time, GENESIS + 10);
    assert_eq!(found[1].tx_hash, TX_TEXT);
    assert_eq!(found[1].evidence["chain"]["event"], "found by the scan");
    assert_eq!(rig.next_block(), Some(21));
}

#[tokio::test]
async fn each_round_goes_on_where_the_last_one_ended_and_steps_back_after_a_reorganisation() {
    let node = Node::start().await;
    node.chain().grow(20);
    let mut rig = Rig::new(archive()).await;
    let chain = chain(&[&node]);
    assert_eq!(rig.round(&chain).await, 0);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    assert_eq!(rig.round(&chain).await, 1);
    assert_eq!(rig.round(&chain).await, 0, "not found twice");
    node.chain().grow(22);
    assert_eq!(rig.round(&chain).await, 0, "nor in blocks that are scanned again");
    node.chain().reorganise(15);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    assert_eq!(rig.round(&chain).await, 1);
}

#[tokio::test]
async fn a_payee_that_a_new_payment_names_is_looked_for_at_once_and_in_blocks_scanned_before() {
    let node = Node::start().await;
    node.chain().grow(20);
    let mut rig = Rig::new(Arc::default()).await;
    let chain = chain(&[&node]);
    assert_eq!(rig.round(&chain).await, 0, "nobody is paid yet");
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    assert_eq!(rig.round(&chain).await, 0);
    let newcomer = ScanTarget {
        asset: TOKEN,
        pay_to: PAYEE,
    };
    rig.archive.targets.lock().unwrap().push(newcomer);
    rig.bell.ring();
    assert_eq!(rig.round(&chain).await, 1);
}

#[tokio::test]
async fn a_transfer_from_before_its_payment_was_recorded_is_offered_again_when_payments_come() {
    let node = Node::start().await;
    node.chain().grow(20);
    let mut rig = Rig::new(archive()).await;
    let chain = chain(&[&node]);
    rig.round(&chain).await;
    *rig.archive.nobodys.lock().unwrap() = true;
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    assert_eq!(rig.round(&chain).await, 0);
    node.chain().grow(50);
    assert_eq!(rig.round(&chain).await, 0);
    assert_eq!(*rig.archive.offers.lock().unwrap(), 1, "nobody came");
    *rig.archive.nobodys.lock().unwrap() = false;
    rig.bell.ring();
    assert_eq!(rig.round(&chain).await, 1);
    assert_eq!(rig.round(&chain).await, 0, "not found twice");
}

#[tokio::test]
async fn a_transfer_that_a_reorganisation_took_is_not_offered_again() {
    let node = Node::start().await;
    node.chain().grow(20);
    let mut rig = Rig::new(archive()).await;
    let chain = chain(&[&node]);
    rig.round(&chain).await;
    *rig.archive.nobodys.lock().unwrap() = true;
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    assert_eq!(rig.round(&chain).await, 0);
    node.chain().reorganise(15);
    *rig.archive.nobodys.lock().unwrap() = false;
    rig.bell.ring();
    assert_eq!(rig.round(&chain).await, 0);
}

#[tokio::test]
async fn nobody_asks_what_to_look_for_while_no_payment_comes() {
    let node = Node::start().await;
    node.chain().grow(20);
    let mut rig = Rig::new(archive()).await;
    let chain = chain(&[&node]);
    for height in 21..25 {
        rig.round(&chain).await;
        node.chain().grow(height);
    }
    assert_eq!(*rig.archive.targets_read.lock().unwrap(), 1);
    rig.bell.ring();
    rig.round(&chain).await;
    assert_eq!(*rig.archive.targets_read.lock().unwrap(), 2);
}

#[tokio::test]
async fn where_two_endpoints_must_agree_one_alone_settles_nothing() {
    let liar = Node::start().await;
    liar.chain().grow(20);
    let honest = Node::start().await;
    honest.chain().grow(20);
    liar.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    honest.chain().grow(21);
    let settings = ChainSettings {
        proving: 2,
        ..ChainSettings::default()
    };
    let strict = strict_chain(&[&liar, &honest], settings);
    let mut rig = Rig::new(archive()).await;
    assert_eq!(rig.round(&strict).await, 0);
    let twin = Node::over(liar.chain.clone()).await;
    let settings = ChainSettings {
        proving: 2,
        ..ChainSettings::default()
    };
    let agreed = strict_chain(&[&liar, &twin], settings);
    let mut rig = Rig::new(archive()).await;
    assert_eq!(rig.round(&agreed).await, 1);
    let endpoints = rig.found()[0].evidence["chain"]["endpoints"].clone();
    assert_eq!(endpoints.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn where_a_block_must_be_safe_a_younger_one_settles_nothing_and_is_not_passed_over() {
    let node = Node::start().await;
    node.chain().grow(20);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    let settings = ChainSettings {
        settle_at: Finality::Safe,
        ..ChainSettings::default()
    };
    let patient = strict_chain(&[&node], settings);
    let mut rig = Rig::new(archive()).await;
    assert_eq!(rig.round(&patient).await, 0);
    node.chain().grow(40);
    assert_eq!(rig.round(&patient).await, 1);
    assert_eq!(rig.found()[0].finality, "safe");
}

#[tokio::test]
async fn an_endpoint_that_is_behind_passes_over_no_block_that_another_one_has() {
    let node = Node::start().await;
    node.chain().grow(20);
    let behind = Node::over(node.chain.clone()).await;
    behind.manners().lag = 5;
    let chain = chain(&[&node, &behind]);
    let mut rig = Rig::new(archive()).await;
    rig.round(&chain).await;
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    node.chain().grow(22);
    // The first endpoint knows its heads and no logs; the other one has neither the block nor its logs.
    node.manners().lies.push(("eth_getLogs", json!("busy")));
    assert_eq!(rig.round(&chain).await, 0);
    node.manners().lies.clear();
    assert_eq!(rig.round(&chain).await, 1);
}

#[tokio::test]
async fn only_one_sidecar_scans() {
    let node = Node::start().await;
    node.chain().grow(20);
    let archive = archive();
    *archive.taken.lock().unwrap() = true;
    let mut rig = Rig::new(archive).await;
    assert!(rig.scan.round(&chain(&[&node]), &mut rig.progress).await.is_err());
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
