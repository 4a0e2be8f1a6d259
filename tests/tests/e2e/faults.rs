//! What a facilitator's misbehaviour may make of a payment: a delay or `unknown`, never a second transfer,
//! and `failed` only when it was definitely refused.

use std::time::Duration;

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Offer};
use insforge_tests::standin::{Answer, Fault, HashForm, Rule, Say};
use insforge_tests::wait::wait_until;

use crate::scene::{SOON, Scene};

/// Statuses of a payment that nothing has proven yet.
const OPEN: [&str; 2] = ["unknown", "submitted"];

/// Settles once under `fault`, and returns the path that the payment took until it was `wanted` and so many transfers
/// were there.
async fn path_under(fault: Fault, wanted: &[&str], transfers_wanted: usize) -> Result<Vec<String>> {
    let mut scene = Scene::new().await?;
    // Where nothing but silence is to be waited for, a slow machine is given time to answer.
    let patience = if fault.say == Say::Silence { "500ms" } else { "20s" };
    scene.standin.fault(Rule::once("settle", fault));
    let plan = scene.plan()?.set("INSFORGE_SIDECAR_OKX_TIMEOUT", patience);
    let _sidecar = plan.start().await?;
    let (signed, id) = scene.pay().await?;
    scene.watch.status(id, wanted, SOON).await?;
    let moved = || async {
        let transfers = scene.standin.chain().transfers_of(signed.nonce()).len();
        Ok((transfers == transfers_wanted).then_some(()))
    };
    wait_until(SOON, "the transfers", moved).await?;
    scene.path(id).await
}

/// The money moved and the answer was lost: open, or settled by evidence, but never failed.
async fn stays_open_after_the_effect(say: Say) -> Result<()> {
    let path = path_under(Fault::after_effect(say), &["unknown", "submitted", "settled"], 1).await?;
    assert!(OPEN.contains(&path[2].as_str()), "{path:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_after_the_effect_is_unknown() -> Result<()> {
    stays_open_after_the_effect(Say::Reset).await
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_after_the_effect_is_unknown() -> Result<()> {
    stays_open_after_the_effect(Say::Silence).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_gateway_after_the_effect_is_unknown() -> Result<()> {
    stays_open_after_the_effect(Say::Status(502)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_after_the_effect_is_unknown() -> Result<()> {
    stays_open_after_the_effect(Say::Garbage).await
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_after_the_effect_is_unknown() -> Result<()> {
    stays_open_after_the_effect(Say::Truncated).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_status_without_a_hash_is_unknown() -> Result<()> {
    let answer = Answer {
        status: "timeout".to_owned(),
        hash: HashForm::Empty,
    };
    stays_open_after_the_effect(Say::Success(answer)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_status_is_submitted_under_its_hash() -> Result<()> {
    let answer = Answer {
        status: "pending".to_owned(),
        hash: HashForm::Real,
    };
    let path = path_under(Fault::sent(Say::Success(answer)), &OPEN, 0).await?;
    assert_eq!(path[..3], ["pending", "settling", "submitted"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_delays_and_nothing_else() -> Result<()> {
    let mut scene = Scene::new().await?;
    scene.standin.fault(Rule::once(
        "settle",
        Fault::before_effect(Say::RateLimited(Some(1))),
    ));
    let _sidecar = scene.sidecar().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    assert_eq!(
        scene.path(id).await?,
        ["pending", "settling", "pending", "settling", "settled"]
    );
    let calls = scene.standin.calls().of("settle");
    let pause = calls[1].instant.duration_since(calls[0].instant);
    let kept = (Duration::from_millis(950)..SOON).contains(&pause);
    assert!(kept, "Retry-After was 1 s, the pause {pause:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definite_refusal_fails_the_payment_with_the_words_of_okx() -> Result<()> {
    let mut scene = Scene::new().await?;
    let refusal = Fault::before_effect(Say::Refusal("payer_blocked".to_owned()));
    scene.standin.fault(Rule::always("settle", refusal));
    let _sidecar = scene.sidecar().await?;
    let (_, id) = scene.pay().await?;
    let row = scene.watch.status(id, &["failed"], SOON).await?;
    assert_eq!(row.error_reason.as_deref(), Some("payer_blocked"));
    assert_eq!(scene.standin.calls().of("settle").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_somebody_else_used_is_not_a_failure() -> Result<()> {
    let mut scene = Scene::new().await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    {
        let mut chain = scene.standin.chain();
        let token = signed.offer.domain.verifying_contract;
        let action = insforge_tests::standin::chain::Action::UseAuthorization(token, signed.auth);
        let hash = chain.send(signed.auth.from, vec![action]);
        chain.include(hash);
    }
    let _sidecar = scene.sidecar().await?;
    let id = scene.submit(&signed).await?;
    let row = scene.watch.status(id, &["unknown", "settled"], SOON).await?;
    assert_ne!(row.status, "failed");
    Ok(())
}
