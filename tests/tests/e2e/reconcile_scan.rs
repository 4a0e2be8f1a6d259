//! Transfers that somebody else sent, deferred payments, and tokens whose domain changed.

use alloy_primitives::{B256, U256};
use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer, Signed};
use insforge_tests::cluster::{Database, Template};
use insforge_tests::sidecar::Plan;
use insforge_tests::standin::chain::{Action, Token};
use insforge_tests::standin::{Config, Fault, Rule, Say, StandIn};
use insforge_tests::wait::wait_until;
use serde_json::json;
use uuid::Uuid;

use crate::ops_support::{err, metric, typed};
use crate::scene::{SOON, Scene};

/// Somebody else submits the authorization.
fn stranger_submits(scene: &Scene, signed: &Signed) -> B256 {
    let mut chain = scene.standin.chain();
    let token = signed.offer.domain.verifying_contract;
    let hash = chain.send(
        signed.auth.from,
        vec![Action::UseAuthorization(token, signed.auth)],
    );
    chain.include(hash);
    hash
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_payment_that_a_stranger_submitted_is_settled_without_a_call() -> Result<()> {
    let mut scene = Scene::new().await?;
    // The key is refused, so that nothing is sent.
    let refused = Fault::before_effect(Say::Code(401, "50111".to_owned()));
    for target in ["settle", "supported"] {
        scene.standin.fault(Rule::always(target, refused.clone()));
    }
    let sidecar = scene.plan_with_chain(&["one", "two"])?.launch()?;
    let shut = "x402_breaker_state{state=\"shut\"}";
    let paused = || async { Ok((metric(&sidecar, shut).await.unwrap_or(0.0) == 1.0).then_some(())) };
    wait_until(SOON, "nothing is sent", paused).await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let hash = stranger_submits(&scene, &signed);
    let id = scene.submit(&signed).await?;
    let row = scene.watch.status(id, &["settled"], SOON).await?;
    assert_eq!(row.tx_hash, Some(format!("{hash:#x}")));
    let events = insforge_tests::ledger::events(scene.watch.client(), id).await?;
    assert_eq!(events.last().unwrap().evidence["outcome"], "found on chain");
    assert!(scene.standin.calls().of("settle").is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn late_money_on_a_failed_payment_is_put_before_a_person_who_can_have_it_proven() -> Result<()> {
    let mut scene = Scene::new().await?;
    let refusal = Fault::before_effect(Say::Refusal("payer_blocked".to_owned()));
    scene.standin.fault(Rule::always("settle", refusal));
    let sidecar = scene.sidecar_with_chain().await?;
    // The scan has looked for what there was before the payment names a token and a payee: nothing.
    let scanned = || async { Ok((metric(&sidecar, "x402_scan_next_block").await? > 0.0).then_some(())) };
    wait_until(SOON, "the scan's first round", scanned).await?;
    let (signed, id) = scene.pay().await?;
    scene.watch.status(id, &["failed"], SOON).await?;
    let hash = stranger_submits(&scene, &signed);
    let row = scene.watch.status(id, &["review"], SOON).await?;
    assert_eq!(row.tx_hash, Some(format!("{hash:#x}")));
    assert_eq!(row.error_reason.as_deref(), Some("paid_after_failed"));
    let operator = Plan::new(&scene.database.sidecar_url())?;
    let retry = [
        "payments",
        "retry",
        &id.to_string(),
        "--reason",
        "the money is here",
    ];
    let output = typed(&operator, &retry).await?;
    assert!(output.status.success(), "{}", err(&output));
    let row = scene.watch.status(id, &["settled"], SOON).await?;
    assert_eq!(row.tx_hash, Some(format!("{hash:#x}")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_was_on_the_chain_before_the_seller_heard_of_it_is_settled_whatever_the_facilitator_says()
-> Result<()> {
    let mut scene = Scene::new().await?;
    let refusal = Fault::before_effect(Say::Refusal("insufficient_balance".to_owned()));
    scene.standin.fault(Rule::always("settle", refusal));
    let _sidecar = scene.sidecar_with_chain().await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let hash = stranger_submits(&scene, &signed);
    let id = scene.submit(&signed).await?;
    let row = scene.watch.status(id, &["settled", "failed"], SOON).await?;
    assert_eq!(
        (row.status.as_str(), row.tx_hash),
        ("settled", Some(format!("{hash:#x}")))
    );
    Ok(())
}

/// A payment as OKX's smart accounts make it: an endless authorization under a session key.
async fn deferred(scene: &Scene, buyer: &Buyer) -> Result<(Signed, Uuid)> {
    let offer = Offer::usdg();
    let auth = insforge_protocol::evm::Authorization {
        valid_after: U256::ZERO,
        valid_before: U256::MAX,
        ..buyer.pay(&offer).auth
    };
    let signed = buyer.sign(&offer, auth);
    let mut payment = signed.payment(Form::V2);
    let mut requirements = signed.requirements(Form::V2);
    requirements["scheme"] = json!("aggr_deferred");
    payment["accepted"] = requirements.clone();
    payment["accepted"]["extra"]["sessionCert"] = json!("Y2VydA==");
    payment["payload"]["signature"] = json!("c2lnbmF0dXJl");
    let sql = "SELECT x402.submit($1, $2, $3, NULL, NULL, true)";
    let row = scene
        .watch
        .client()
        .query_one(sql, &[&payment, &requirements, &signed.offer.resource])
        .await?;
    Ok((signed, row.get(0)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_payment_is_accepted_and_settled_when_its_batch_comes() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar_with_chain().await?;
    let (signed, id) = deferred(&scene, &Buyer::new()).await?;
    scene.watch.status(id, &["accepted"], SOON).await?;
    let hash = stranger_submits(&scene, &signed);
    let row = scene.watch.status(id, &["settled"], SOON).await?;
    assert_eq!(row.tx_hash, Some(format!("{hash:#x}")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_transfers_settle_as_many_deferred_payments_as_there_are_transfers() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar_with_chain().await?;
    let buyer = Buyer::new();
    let (signed, first) = deferred(&scene, &buyer).await?;
    let (_, second) = deferred(&scene, &buyer).await?;
    for id in [first, second] {
        scene.watch.status(id, &["accepted"], SOON).await?;
    }
    scene.standin.advance(2);
    {
        let mut chain = scene.standin.chain();
        let auth = &signed.auth;
        let token = signed.offer.domain.verifying_contract;
        let hash = chain.send(
            auth.from,
            vec![Action::Transfer(token, auth.from, auth.to, auth.value)],
        );
        chain.include(hash);
    }
    scene.watch.status(first, &["settled"], SOON).await?;
    let row = insforge_tests::ledger::row(scene.watch.client(), second).await?;
    assert_eq!(row.status, "accepted", "one transfer, one payment");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_settled_in_a_token_whose_domain_changed() -> Result<()> {
    let changed = Token {
        separator: B256::repeat_byte(0xee),
        ..Token::usdg()
    };
    let config = Config {
        tokens: vec![changed, Token::usdt0()],
        ..Config::default()
    };
    let database = Database::create(Template::Extension).await?;
    let mut scene = Scene::on(database).await?;
    scene.standin = StandIn::with(config).await?;
    let (_, id) = scene.pay().await?;
    // Checked before the first payment is sent, so the settler starts with what the first sidecar leaves behind.
    let gate = Fault::before_effect(Say::Code(401, "50111".to_owned()));
    for target in ["settle", "supported"] {
        scene.standin.fault(Rule::always(target, gate.clone()));
    }
    // Probes come at twice this interval and more.
    let plan = scene
        .plan_with_chain(&["one"])?
        .set("INSFORGE_SIDECAR_POLL_INTERVAL", "500ms");
    let sidecar = plan.launch()?;
    let found = || async {
        let count = metric(&sidecar, "x402_token_domain_mismatches")
            .await
            .unwrap_or(0.0);
        Ok((count == 1.0).then_some(()))
    };
    wait_until(SOON, "the mismatch", found).await?;
    // One that was judged before may still be on its way.
    let rests = || async {
        let sql = "SELECT status = 'pending' AND lease_token IS NULL FROM x402.queue";
        let row = scene.watch.client().query_one(sql, &[]).await?;
        Ok(row.get::<_, bool>(0).then_some(()))
    };
    wait_until(SOON, "the payment rests", rests).await?;
    let calls = scene.standin.calls().of("settle").len();
    scene.standin.clear_faults();
    sidecar.ready(SOON).await?;
    let other = Buyer::new().pay(&Offer::usdt0());
    let other_id = scene.submit(&other).await?;
    scene.settled(&other, other_id).await?;
    let row = insforge_tests::ledger::row(scene.watch.client(), id).await?;
    assert_eq!(row.status, "pending");
    assert_eq!(
        scene.standin.calls().of("settle").len(),
        calls + 1,
        "only the other token was sent"
    );
    Ok(())
}
