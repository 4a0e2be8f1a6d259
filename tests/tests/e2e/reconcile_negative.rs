//! Payments that end unpaid: only by what two endpoints of the chain agree on.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Offer};
use insforge_tests::ledger;
use insforge_tests::standin::chain::Action;
use insforge_tests::standin::{Fault, Rule, Say};
use insforge_tests::wait::wait_until;
use uuid::Uuid;

use crate::ops_support::metric;
use crate::reconcile_support::{EXPIRY, make_final};
use crate::scene::{SOON, Scene};

/// A payment that lives for little longer than it must to be sent, also by a busy machine, and whose every call is
/// lost.
async fn lost(scene: &Scene) -> Result<Uuid> {
    scene
        .standin
        .fault(Rule::always("settle", Fault::before_effect(Say::Reset)));
    let offer = Offer {
        max_timeout_seconds: 25,
        ..Offer::usdg()
    };
    scene.submit(&Buyer::new().pay(&offer)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_never_landed_expires_with_the_evidence_of_both_endpoints() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar_with_chain().await?;
    let id = lost(&scene).await?;
    scene.watch.status(id, &["unknown"], SOON).await?;
    scene.watch.status(id, &["expired"], EXPIRY).await?;
    let events = ledger::events(scene.watch.client(), id).await?;
    let chain = &events.last().unwrap().evidence["chain"];
    let valid_before: u64 = chain["valid_before"].as_str().unwrap().parse()?;
    let unused = chain["unused"].as_array().unwrap();
    assert_eq!(unused.len(), 2, "{chain}");
    assert_ne!(unused[0]["endpoint"], unused[1]["endpoint"]);
    for one in unused {
        assert!(one["final_block_time"].as_u64().unwrap() >= valid_before);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_of_two_endpoints_is_down_nothing_expires() -> Result<()> {
    let mut scene = Scene::new().await?;
    scene
        .standin
        .fault(Rule::always("rpc/two", Fault::before_effect(Say::Status(503))));
    let sidecar = scene.sidecar_with_chain().await?;
    let id = lost(&scene).await?;
    let series = "x402_reconcile_waits_total{reason=\"second_endpoint\"}";
    let waits = || async { Ok((metric(&sidecar, series).await? > 0.0).then_some(())) };
    wait_until(EXPIRY, "one endpoint's word", waits).await?;
    let row = ledger::row(scene.watch.client(), id).await?;
    assert_eq!(row.status, "unknown");
    scene.standin.clear_faults();
    scene.watch.status(id, &["expired"], EXPIRY).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_authorization_fails_the_payment_once_that_is_final() -> Result<()> {
    let mut scene = Scene::new().await?;
    scene
        .standin
        .fault(Rule::always("settle", Fault::before_effect(Say::Reset)));
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    scene.watch.status(id, &["unknown"], SOON).await?;
    {
        let mut chain = scene.standin.chain();
        let (token, from) = (signed.offer.domain.verifying_contract, signed.auth.from);
        let hash = chain.send(from, vec![Action::Cancel(token, from, signed.nonce())]);
        chain.include(hash);
    }
    make_final(&scene.standin);
    let row = scene.watch.status(id, &["failed"], EXPIRY).await?;
    assert_eq!(row.error_reason.as_deref(), Some("authorization_canceled"));
    Ok(())
}

/// While endpoints break like this, a payment that was paid stays open and is not sent again; then it settles.
async fn waits_out(say: Say) -> Result<()> {
    let mut scene = Scene::new().await?;
    scene
        .standin
        .fault(Rule::always("rpc", Fault::before_effect(say)));
    scene
        .standin
        .fault(Rule::once("settle", Fault::after_effect(Say::Reset)));
    let sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    scene.watch.status(id, &["unknown"], SOON).await?;
    let series = "x402_reconcile_decisions_total{decision=\"wait\"}";
    let looked = || async { Ok((metric(&sidecar, series).await? >= 2.0).then_some(())) };
    wait_until(SOON, "two looks", looked).await?;
    let row = ledger::row(scene.watch.client(), id).await?;
    assert_eq!(row.status, "unknown");
    let calls = scene.standin.calls().of("settle").len();
    assert_eq!(calls, 1, "nothing is sent blindly");
    scene.standin.clear_faults();
    scene.settled(&signed, id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_answer_garbage_close_nothing() -> Result<()> {
    waits_out(Say::Garbage).await?;
    waits_out(Say::Truncated).await
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_are_down_close_nothing() -> Result<()> {
    waits_out(Say::Reset).await?;
    waits_out(Say::Status(500)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_answer_every_question_with_an_error_close_nothing() -> Result<()> {
    waits_out(Say::Refusal("pruned".to_owned())).await
}
