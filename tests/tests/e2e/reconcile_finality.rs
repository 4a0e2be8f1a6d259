//! Settled payments until their block cannot go any more.

use anyhow::{Context, Result};
use insforge_tests::buyer::Signed;
use insforge_tests::standin::chain::{Orphans, Tag, Timing};
use insforge_tests::standin::{Config, Fault, Rule, Say, StandIn};
use insforge_tests::wait::wait_until;
use uuid::Uuid;

use crate::reconcile_support::make_final;
use crate::scene::{SOON, Scene};

/// Blocks, one a second, before the newest is final: longer than a test needs on a busy machine.
const LAG: u64 = 100;

/// Blocks of this stand-in can be taken back until the test makes them final.
async fn on_a_slow_chain() -> Result<Scene> {
    let mut scene = Scene::new().await?;
    let slow = Timing {
        finalized_lag: LAG,
        ..Timing::default()
    };
    scene.standin = StandIn::with(Config {
        timing: slow,
        ..Config::default()
    })
    .await?;
    Ok(scene)
}

/// Takes the payment's block back, and all that came after it.
fn reorganise(scene: &Scene, signed: &Signed, orphans: Orphans) {
    let mut chain = scene.standin.chain();
    let newest = chain.resolve(Tag::Latest).unwrap_or_default();
    let depth = newest + 1 - chain.transfers_of(signed.nonce())[0].block;
    let taken = chain.reorganise(depth, orphans);
    assert!(!taken.is_empty(), "the payment's block was taken back");
}

/// How often the payment moved after it was settled first.
async fn after_settled(scene: &Scene, id: Uuid) -> Result<usize> {
    let path = scene.path(id).await?;
    let settled = path.iter().position(|status| status == "settled");
    Ok(path.len() - 1 - settled.context("it was never settled")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_payment_becomes_final_with_its_block() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    make_final(&scene.standin);
    let proof = scene.finality(id, "finalized").await?;
    let transfer = scene.standin.chain().transfers_of(signed.nonce())[0].clone();
    assert_eq!(proof.block_number, Some(i64::try_from(transfer.block)?));
    assert_eq!(after_settled(&scene, id).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_settled_on_the_facilitators_word_is_proven_when_a_chain_is_configured() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sidecar = scene.sidecar().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    assert_eq!(scene.proof(id).await?.finality, "none");
    drop(sidecar);
    make_final(&scene.standin);
    let _sidecar = scene.sidecar_with_chain().await?;
    let proof = scene.finality(id, "finalized").await?;
    assert!(proof.log_index.is_some() && proof.block_number.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_a_reorganisation_drops_is_settled_anew() -> Result<()> {
    let mut scene = on_a_slow_chain().await?;
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    let first = scene.settled(&signed, id).await?;
    reorganise(&scene, &signed, Orphans::Drop);
    let reopened = || async { Ok((after_settled(&scene, id).await? > 0).then_some(())) };
    wait_until(SOON, "it is open again", reopened).await?;
    let second = scene.settled(&signed, id).await?;
    assert_ne!(first.tx_hash, second.tx_hash);
    make_final(&scene.standin);
    scene.finality(id, "finalized").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_a_reorganisation_moves_to_another_block_stays_settled() -> Result<()> {
    let mut scene = on_a_slow_chain().await?;
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    let before = scene.proof(id).await?;
    reorganise(&scene, &signed, Orphans::Reinclude);
    make_final(&scene.standin);
    let after = scene.finality(id, "finalized").await?;
    assert_eq!(before.tx_hash, after.tx_hash);
    assert_eq!(after_settled(&scene, id).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endpoint_that_lags_or_is_down_neither_settles_nor_takes_back() -> Result<()> {
    let mut scene = Scene::new().await?;
    scene.standin.configure(|settings| {
        settings.rpc_lag.insert("two".to_owned(), 50);
    });
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    scene
        .standin
        .fault(Rule::always("rpc/two", Fault::before_effect(Say::Reset)));
    make_final(&scene.standin);
    scene.finality(id, "finalized").await?;
    assert_eq!(after_settled(&scene, id).await?, 0);
    Ok(())
}
