//! Settled payments until their block cannot go any more.

use anyhow::Result;
use insforge_tests::standin::chain::Orphans;
use insforge_tests::standin::{Fault, Rule, Say};

use crate::reconcile_support::make_final;
use crate::scene::{SOON, Scene};

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
    assert_eq!(scene.path(id).await?, ["pending", "settling", "settled"]);
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
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    let first = scene.settled(&signed, id).await?;
    scene.standin.chain().reorganise(3, Orphans::Drop);
    let open = ["submitted", "unknown", "settling"];
    scene.watch.status(id, &open, SOON).await?;
    let second = scene.settled(&signed, id).await?;
    assert_ne!(first.tx_hash, second.tx_hash);
    make_final(&scene.standin);
    scene.finality(id, "finalized").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_a_reorganisation_moves_to_another_block_stays_settled() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    let before = scene.proof(id).await?;
    scene.standin.chain().reorganise(3, Orphans::Reinclude);
    make_final(&scene.standin);
    let after = scene.finality(id, "finalized").await?;
    assert_eq!(before.tx_hash, after.tx_hash);
    assert_eq!(scene.path(id).await?, ["pending", "settling", "settled"]);
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
    assert_eq!(scene.path(id).await?, ["pending", "settling", "settled"]);
    Ok(())
}
