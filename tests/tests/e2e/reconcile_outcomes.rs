//! Whatever a facilitator says or does not say: the money that moved is found, once, and what did not move is sent
//! again.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Offer};
use insforge_tests::sidecar::Plan;
use insforge_tests::standin::chain::Action;
use insforge_tests::standin::{Answer, Fault, HashForm, Rule, Say};
use insforge_tests::wait::wait_until;

use crate::scene::{SOON, Scene};

/// Pays under faults of `/settle`, and checks that it ends settled by exactly one transfer, proven on the chain.
async fn ends_settled(rules: Vec<Rule>) -> Result<()> {
    let scene = Scene::new().await?;
    let plan = scene.plan_with_chain(&["one", "two"])?;
    ends_settled_at(scene, plan, rules).await
}

async fn ends_settled_at(mut scene: Scene, plan: Plan, rules: Vec<Rule>) -> Result<()> {
    for rule in rules {
        scene.standin.fault(rule);
    }
    let _sidecar = plan.start().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    let transfer = scene.standin.chain().transfers_of(signed.nonce())[0].clone();
    let proof = scene.proof(id).await?;
    assert_eq!(proof.log_index, Some(i32::try_from(transfer.log_index)?));
    assert_eq!(proof.block_number, Some(i64::try_from(transfer.block)?));
    Ok(())
}

async fn ends_settled_under(fault: Fault) -> Result<()> {
    ends_settled(vec![Rule::once("settle", fault)]).await
}

fn success(status: &str, hash: HashForm) -> Say {
    Say::Success(Answer {
        status: status.to_owned(),
        hash,
    })
}

fn nonce_used() -> Fault {
    Fault::before_effect(Say::Refusal("invalid signature, nonce_used".to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_times_out_after_the_effect_ends_settled() -> Result<()> {
    let scene = Scene::new().await?;
    let plan = scene.plan_with_chain(&["one", "two"])?;
    let impatient = plan.set("INSFORGE_SIDECAR_OKX_TIMEOUT", "500ms");
    let silence = Fault::after_effect(Say::Silence);
    ends_settled_at(scene, impatient, vec![Rule::once("settle", silence)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_gateway_after_the_effect_ends_settled() -> Result<()> {
    ends_settled_under(Fault::after_effect(Say::Status(502))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_after_the_effect_ends_settled() -> Result<()> {
    ends_settled_under(Fault::after_effect(Say::Reset)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_after_the_effect_ends_settled() -> Result<()> {
    ends_settled_under(Fault::after_effect(Say::Garbage)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn success_with_status_timeout_ends_settled_with_and_without_its_hash() -> Result<()> {
    ends_settled_under(Fault::after_effect(success("timeout", HashForm::Real))).await?;
    ends_settled_under(Fault::after_effect(success("timeout", HashForm::Empty))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_is_not_found_at_first_ends_settled() -> Result<()> {
    let sent = Fault {
        include_after_ms: Some(1_500),
        ..Fault::sent(success("pending", HashForm::Real))
    };
    let mut scene = Scene::new().await?;
    scene.standin.configure(|settings| settings.status_lag = 3);
    scene.standin.fault(Rule::once("settle", sent));
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    assert_eq!(scene.path(id).await?[..3], ["pending", "settling", "submitted"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_of_a_transaction_that_does_not_exist_settles_nothing() -> Result<()> {
    let mut scene = Scene::new().await?;
    let lie = Fault::before_effect(success("success", HashForm::Invented));
    scene.standin.fault(Rule::once("settle", lie));
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    // It is sent again, which pays.
    scene.settled(&signed, id).await?;
    assert_eq!(scene.path(id).await?[..3], ["pending", "settling", "submitted"]);
    assert!(scene.standin.calls().settles_of(signed.nonce()).len() >= 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_lost_before_any_effect_is_sent_again() -> Result<()> {
    let lost = Fault::before_effect(Say::Reset);
    ends_settled(vec![
        Rule::once("settle", lost.clone()),
        Rule::once("settle", lost),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_because_the_first_attempt_paid_does_not_fail_the_payment() -> Result<()> {
    ends_settled(vec![
        Rule::once("settle", Fault::after_effect(Say::Reset)),
        Rule::always("settle", nonce_used()),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_reverted_because_another_one_paid_ends_settled() -> Result<()> {
    let mut scene = Scene::new().await?;
    let pending = Fault::sent(success("pending", HashForm::Real));
    scene.standin.fault(Rule::once("settle", pending));
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = scene.pay().await?;
    let row = scene.watch.status(id, &["submitted"], SOON).await?;
    {
        let mut chain = scene.standin.chain();
        let token = signed.offer.domain.verifying_contract;
        let other = chain.send(
            signed.auth.from,
            vec![Action::UseAuthorization(token, signed.auth)],
        );
        chain.include(other);
        chain.include_all();
    }
    let settled = scene.settled(&signed, id).await?;
    assert_ne!(
        settled.tx_hash, row.tx_hash,
        "the transaction that was named reverted"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_equal_payments_of_one_batch_are_proven_by_a_log_each() -> Result<()> {
    let mut scene = Scene::new().await?;
    scene
        .standin
        .fault(Rule::always("settle", Fault::before_effect(Say::Reset)));
    let buyer = Buyer::new();
    let signed = [buyer.pay(&Offer::usdg()), buyer.pay(&Offer::usdg())];
    {
        let mut chain = scene.standin.chain();
        let uses = signed
            .iter()
            .map(|one| Action::UseAuthorization(one.offer.domain.verifying_contract, one.auth));
        let batch = chain.send(buyer.address, uses.collect());
        chain.include(batch);
    }
    let ids = [scene.submit(&signed[0]).await?, scene.submit(&signed[1]).await?];
    let _sidecar = scene.sidecar_with_chain().await?;
    let mut proofs = Vec::new();
    for id in ids {
        scene.watch.status(id, &["settled"], SOON).await?;
        proofs.push(scene.proof(id).await?);
    }
    assert_eq!(proofs[0].tx_hash, proofs[1].tx_hash);
    assert_ne!(proofs[0].log_index, proofs[1].log_index);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_chain_the_outcome_stays_open_and_the_log_says_so_once() -> Result<()> {
    let mut scene = Scene::new().await?;
    let lost = Fault::after_effect(Say::Reset);
    scene.standin.fault(Rule::once("settle", lost));
    scene.standin.fault(Rule::always("settle", nonce_used()));
    let sidecar = scene.sidecar().await?;
    let (signed, id) = scene.pay().await?;
    let again = || async { Ok((scene.standin.calls().of("settle").len() >= 2).then_some(())) };
    wait_until(SOON, "a second call", again).await?;
    scene.watch.status(id, &["unknown"], SOON).await?;
    assert_eq!(scene.standin.chain().transfers_of(signed.nonce()).len(), 1);
    assert_eq!(sidecar.log().count("no chain endpoint is configured"), 1);
    Ok(())
}
