use std::time::Duration;

use insforge_protocol::evidence::{
    Decision, Finality, Observations, PaymentFacts, Recorded, Rules, Wait, decide,
};
use insforge_protocol::evm::{B256, U256};
use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Network, Scheme};
use serde_json::json;

use super::endpoint::At;
use super::fake::*;
use super::*;
use crate::secret::Secret;

const TX: B256 = B256::repeat_byte(0xab);

fn target(now: u64) -> Target {
    let facts = PaymentFacts {
        status: Status::Unknown,
        scheme: Scheme::Exact,
        token: TOKEN,
        from: PAYER,
        pay_to: PAYEE,
        value: U256::from(VALUE),
        nonce: NONCE,
        valid_before: U256::from(GENESIS + 300),
        tx_hash: None,
        attempts: 1,
        since: GENESIS,
        now: GENESIS + now,
        recorded: Recorded {
            block_number: None,
            finality: Finality::None,
        },
    };
    Target {
        facts,
        created: Some(GENESIS + 2),
    }
}

fn named(now: u64) -> Target {
    let mut target = target(now);
    target.facts.tx_hash = Some(TX);
    target
}

async fn decided(endpoint: &Endpoint, target: &Target) -> Decision {
    let views = endpoint.look(target).await.ok().into_iter().collect();
    let seen = Observations {
        views,
        facilitator: None,
    };
    decide(&target.facts, &seen, &Rules::DEFAULT)
}

fn settled_by(decision: &Decision) -> Option<B256> {
    match decision {
        Decision::Settled(proof) => Some(proof.tx_hash),
        _ => None,
    }
}

#[tokio::test]
async fn a_named_transaction_is_proven_with_few_calls() {
    let node = Node::start().await;
    node.chain().grow(49);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    let endpoint = node.endpoint();
    assert_eq!(settled_by(&decided(&endpoint, &named(50)).await), Some(TX));
    let asked = node.manners().asked.clone();
    assert!(!asked.contains(&"eth_getLogs".to_owned()), "{asked:?}");
    assert_eq!(
        asked.len(),
        6,
        "chain id, receipt, its block, three heads: {asked:?}"
    );
    decided(&endpoint, &named(50)).await;
    assert_eq!(node.manners().asked.len(), 8, "heads are shared between payments");
}

#[tokio::test]
async fn a_transaction_that_nobody_named_is_found_by_its_nonce_in_ranges_the_provider_allows() {
    let node = Node::start().await;
    node.chain().grow(49);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    node.chain().grow(400);
    node.manners().log_range = 7;
    let endpoint = node.endpoint();
    assert_eq!(settled_by(&decided(&endpoint, &target(400)).await), Some(TX));
    let searches = node
        .manners()
        .asked
        .iter()
        .filter(|method| *method == "eth_getLogs")
        .count();
    assert!(searches < 25, "{searches} searches");
    node.manners().asked.clear();
    decided(&endpoint, &target(400)).await;
    let again = node
        .manners()
        .asked
        .iter()
        .filter(|method| *method == "eth_getLogs")
        .count();
    assert!(again < searches, "the provider's limit is remembered");
}

#[tokio::test]
async fn a_use_long_before_the_payment_was_recorded_is_found() {
    let node = Node::start().await;
    node.chain().grow(9);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    node.chain().grow(3_000);
    let mut late = target(3_000);
    late.created = Some(GENESIS + 2_900);
    assert_eq!(settled_by(&decided(&node.endpoint(), &late).await), Some(TX));
}

#[tokio::test]
async fn an_unused_authorization_expires_at_a_final_block_and_with_a_pruned_node_too() {
    for pruned in [false, true] {
        let node = Node::start().await;
        node.manners().pruned = pruned;
        node.chain().grow(319);
        let early = decided(&node.endpoint(), &target(320)).await;
        assert_eq!(early, Decision::Wait(Wait::RunningOut));
        node.chain().grow(320);
        let late = decided(&node.endpoint(), &target(320)).await;
        assert!(
            matches!(late, Decision::Expired { .. }),
            "pruned {pruned}: {late:?}"
        );
    }
}

#[tokio::test]
async fn an_endpoint_of_another_chain_is_never_evidence() {
    let node = Node::start().await;
    node.manners().chain_id = 1;
    node.chain().grow(49);
    node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
    let endpoint = node.endpoint();
    for _ in 0..3 {
        let error = endpoint.look(&named(50)).await.unwrap_err();
        assert_eq!(error, RpcError::WrongChain { wanted: 196, got: 1 });
    }
    assert_eq!(
        node.manners().asked,
        ["eth_chainId"],
        "asked once a minute, not once a payment"
    );
    assert!(!endpoint.is_up());
}

#[tokio::test]
async fn after_an_outage_the_chain_id_is_asked_for_again() {
    let node = Node::start().await;
    node.chain().grow(50);
    let endpoint = node.endpoint();
    endpoint.look(&target(50)).await.unwrap();
    node.manners().status = Some(503);
    assert_eq!(
        endpoint.look(&target(50)).await.unwrap_err(),
        RpcError::Status(503)
    );
    node.manners().status = None;
    node.manners().chain_id = 1;
    assert!(matches!(
        endpoint.look(&target(50)).await,
        Err(RpcError::WrongChain { .. })
    ));
}

#[tokio::test]
async fn lies_in_single_answers_close_nothing() {
    let hex = |byte: &str| json!(format!("0x{}", byte.repeat(32)));
    let block = |number: &str, hash: &str| json!({"number": number, "hash": format!("0x{}", hash.repeat(32)), "timestamp": "0x6ab13500"});
    let lies = [
        ("eth_getTransactionReceipt", json!({"transactionHash": "0x00"})),
        (
            "eth_getTransactionReceipt",
            json!({"transactionHash": hex("cd"), "status": "0x1"}),
        ),
        ("eth_getBlockByNumber", block("0x32", "ee")),
        ("eth_getBlockByNumber", json!({"number": "0x32"})),
        ("eth_getBlockByNumber", json!([])),
    ];
    for lie in lies {
        let node = Node::start().await;
        node.chain().grow(49);
        node.chain().mine(TX, true, vec![used(NONCE), transfer(VALUE)]);
        node.manners().lies.push(lie.clone());
        let decision = decided(&node.endpoint(), &named(50)).await;
        assert!(
            !matches!(
                decision,
                Decision::Settled(_) | Decision::Expired { .. } | Decision::Failed { .. }
            ),
            "{lie:?}: {decision:?}"
        );
    }
    for lie in [
        json!("0x"),
        json!("0x2"),
        json!(false),
        json!(null),
        hex("00").as_str().map(|text| json!(&text[..60])).unwrap(),
    ] {
        let node = Node::start().await;
        node.chain().grow(400);
        node.manners().lies.push(("eth_call", lie.clone()));
        let decision = decided(&node.endpoint(), &target(400)).await;
        assert_eq!(decision, Decision::Wait(Wait::ChainSilent), "{lie}");
    }
}

#[tokio::test]
async fn logs_that_were_not_asked_for_are_left_out() {
    let node = Node::start().await;
    let other = B256::repeat_byte(0x55);
    node.chain().grow(9);
    node.chain().mine(TX, true, vec![used(other), transfer(VALUE)]);
    node.chain().grow(50);
    let everything = LogFilter {
        addresses: vec![TOKEN],
        topics: vec![],
    };
    let one = LogFilter {
        addresses: vec![TOKEN],
        topics: vec![vec![], vec![], vec![NONCE]],
    };
    let endpoint = node.endpoint();
    assert_eq!(endpoint.logs(&everything, 0, 50, false).await.unwrap().len(), 2);
    assert_eq!(
        endpoint.logs(&one, 0, 50, false).await.unwrap(),
        [],
        "the node ignores topics"
    );
    assert_eq!(endpoint.logs(&everything, 11, 50, false).await.unwrap(), []);
}

#[tokio::test]
async fn a_chain_without_tags_is_final_at_the_configured_depth() {
    let node = Node::start().await;
    node.manners().tags = false;
    node.chain().grow(100);
    let heads = node.endpoint().heads(0).await.unwrap();
    assert_eq!((heads.safe(), heads.finalized()), (None, None));
    let rpc = Rpc::new(node.url.clone(), "node".to_owned(), Duration::from_secs(5), 0.0).unwrap();
    let settings = ChainSettings {
        final_depth: Some(30),
        ..ChainSettings::default()
    };
    let deep = Endpoint::new(rpc, Network::X_LAYER, &settings);
    assert_eq!(
        deep.heads(0).await.unwrap().finalized().map(|block| block.number),
        Some(70)
    );
}

#[tokio::test]
async fn the_block_of_a_time_is_found_by_halving() {
    let node = Node::start().await;
    node.chain().grow(5_000);
    let endpoint = node.endpoint();
    endpoint.check().await.unwrap();
    for (time, wanted) in [
        (0, 0),
        (GENESIS, 0),
        (GENESIS + 1, 1),
        (GENESIS + 4_321, 4_321),
        (GENESIS + 9_999, 5_000),
    ] {
        node.manners().asked.clear();
        assert_eq!(endpoint.block_at(time, 5_000).await.unwrap(), wanted);
        assert!(node.manners().asked.len() < 12);
    }
}

#[tokio::test]
async fn another_endpoint_stands_in_for_one_that_is_down_and_two_are_two_only_if_they_differ() {
    let down = Node::start().await;
    down.manners().status = Some(500);
    down.chain().grow(10);
    let up = Node::over(down.chain.clone()).await;
    let settings = |urls: Vec<reqwest::Url>| ChainSettings {
        endpoints: Secret::new(urls),
        requests_per_second: 0.0,
        ..ChainSettings::default()
    };
    let urls = vec![down.url.clone(), up.url.clone(), up.url.clone()];
    let chain = Chain::new(Network::X_LAYER, settings(urls)).unwrap();
    assert_eq!(chain.rules().endpoints, 2);
    let mut views = Vec::new();
    chain.look(&target(10), 2, &mut views).await;
    assert_eq!(views.len(), 1);
    assert!(!views[0].endpoint.contains("secret"), "{}", views[0].endpoint);
    assert!(chain.is_up());
    down.manners().status = None;
    chain.look(&target(10), 2, &mut views).await;
    assert_eq!(views.len(), 2);
    assert_ne!(views[0].endpoint, views[1].endpoint);
    let block = chain
        .first(chain.endpoints(), |one| one.block(At::Number(3)))
        .await
        .unwrap();
    assert_eq!(block.unwrap().number, 3);
}
