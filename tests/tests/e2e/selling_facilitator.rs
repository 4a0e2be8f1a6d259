//! The sidecar as a facilitator, called as middlewares call one.

use anyhow::Result;
use futures_util::future::join_all;
use insforge_tests::buyer::{Buyer, Form, Offer, Signed};
use insforge_tests::http;
use insforge_tests::standin::{Fault, Rule, Say};
use insforge_tests::wait::wait_until;
use serde_json::json;

use crate::scene::{SOON, Scene};
use crate::selling_support::facilitator;

fn signed() -> Signed {
    Buyer::new().pay(&Offer::usdg())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_middleware_verifies_and_settles_in_either_version_and_gains_the_ledger() -> Result<()> {
    let scene = Scene::new().await?;
    let shop = facilitator(scene.plan()?).await?;
    let supported: serde_json::Value = serde_json::from_str(&shop.get("/supported", &[]).await?.body)?;
    assert_eq!(
        supported["kinds"][0],
        json!({ "x402Version": 2, "scheme": "exact", "network": "eip155:196" })
    );
    for form in [Form::V1, Form::V2] {
        let signed = signed();
        let payer = format!("{:#x}", signed.auth.from);
        let (status, verified) = shop.call("/verify", &signed, form).await?;
        assert_eq!(
            (status, verified),
            (200, json!({ "isValid": true, "payer": payer }))
        );
        let (status, settled) = shop.call("/settle", &signed, form).await?;
        let transfers = scene.standin.chain().transfers_of(signed.nonce());
        let expected = json!({ "success": true, "transaction": transfers[0].tx, "network": "eip155:196",
            "payer": payer });
        assert_eq!((status, &settled), (200, &expected));
        assert_eq!(
            shop.call("/settle", &signed, form).await?.1,
            settled,
            "the first result again"
        );
        assert_eq!(scene.standin.calls().settles_of(signed.nonce()).len(), 1);
    }
    let sql = "SELECT count(*) FROM x402_payments WHERE status = 'settled' AND delivered_at IS NOT NULL";
    assert_eq!(
        scene.watch.client().query_one(sql, &[]).await?.get::<_, i64>(0),
        2
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_calls_through_two_sidecars_share_one_settle() -> Result<()> {
    let scene = Scene::new().await?;
    let shops = [
        facilitator(scene.plan()?).await?,
        facilitator(scene.plan()?).await?,
    ];
    let signed = signed();
    let calls = (0..64).map(|n| shops[n % 2].call("/settle", &signed, Form::V2));
    let mut answers = Vec::new();
    for answer in join_all(calls).await {
        answers.push(answer?);
    }
    assert_eq!(answers[0].1["success"], true, "{}", answers[0].1);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(scene.standin.calls().settles_of(signed.nonce()).len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_wrote_the_requirements_pays_neither_himself_nor_less() -> Result<()> {
    let scene = Scene::new().await?;
    let shop = facilitator(scene.plan()?).await?;
    let cheap = Buyer::new().pay(&Offer::usdg().priced(1));
    let mut himself = Offer::usdg();
    himself.pay_to = Buyer::new().address;
    let himself = Buyer::new().pay(&himself);
    for signed in [&cheap, &himself] {
        let (status, refused) = shop.call("/settle", signed, Form::V2).await?;
        assert_eq!(
            (status, &refused["errorReason"]),
            (200, &json!("invalid_payment_requirements"))
        );
        assert_eq!(shop.call("/verify", signed, Form::V2).await?.1["isValid"], false);
    }
    assert_eq!(scene.standin.calls().of("settle").len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_bound_to_another_resource_is_refused() -> Result<()> {
    let scene = Scene::new().await?;
    let shop = facilitator(scene.plan()?).await?;
    let mut signed = signed();
    assert_eq!(shop.call("/settle", &signed, Form::V1).await?.1["success"], true);
    signed.offer = signed.offer.selling("https://api.example.com/other");
    for path in ["/settle", "/verify"] {
        let (_, answer) = shop.call(path, &signed, Form::V1).await?;
        let reason = answer.get("errorReason").or(answer.get("invalidReason"));
        assert_eq!(reason, Some(&json!("duplicate_settlement")), "{path}: {answer}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_settlement_is_pending_and_the_same_payment_succeeds_later() -> Result<()> {
    let scene = Scene::new().await?;
    scene
        .standin
        .fault(Rule::once("settle", Fault::after_effect(Say::Reset)));
    let plan = scene
        .plan()?
        .set("INSFORGE_SIDECAR_FACILITATOR_WAIT", "50ms")
        .set("XLAYER_RPC_URLS", &scene.standin.rpc_url("a"));
    let shop = facilitator(plan).await?;
    let signed = signed();
    let settled = wait_until(SOON, "the payment is settled", || async {
        let (_, verified) = shop.call("/verify", &signed, Form::V2).await?;
        assert_eq!(
            verified["isValid"], true,
            "a retry must get past /verify: {verified}"
        );
        let (status, answer) = shop.call("/settle", &signed, Form::V2).await?;
        assert_eq!(status, 200);
        if answer["success"] == false {
            assert_eq!(
                answer["errorReason"], "settlement_pending",
                "never a plain failure"
            );
        }
        Ok((answer["success"] == true).then_some(answer))
    })
    .await?;
    let transfers = scene.standin.chain().transfers_of(signed.nonce());
    assert_eq!(
        (transfers.len(), &settled["transaction"]),
        (1, &json!(transfers[0].tx))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_signature_is_refused_and_recorded_nowhere() -> Result<()> {
    let scene = Scene::new().await?;
    let shop = facilitator(scene.plan()?).await?;
    let mut forged = signed();
    forged.signature = signed().signature;
    let (_, verified) = shop.call("/verify", &forged, Form::V2).await?;
    assert_eq!(verified["invalidReason"], "invalid_exact_evm_payload_signature");
    let (_, settled) = shop.call("/settle", &forged, Form::V2).await?;
    assert_eq!(settled["errorReason"], "invalid_exact_evm_payload_signature");
    let count = scene
        .watch
        .client()
        .query_one("SELECT count(*) FROM x402_payments", &[])
        .await?;
    assert_eq!(count.get::<_, i64>(0), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_keeps_strangers_out() -> Result<()> {
    let scene = Scene::new().await?;
    let shop = facilitator(scene.plan()?.set("INSFORGE_SIDECAR_FACILITATOR_TOKEN", "s3cret")).await?;
    let url = format!("http://{}/supported", shop.address);
    assert_eq!(http::client()?.get(&url).send().await?.status(), 401);
    let wrong = http::client()?.get(&url).bearer_auth("s3cres").send().await?;
    assert_eq!(wrong.status(), 401);
    let right = http::client()?.get(&url).bearer_auth("s3cret").send().await?;
    assert_eq!(right.status(), 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smart_wallets_signature_is_shown_to_the_facilitator_behind() -> Result<()> {
    let scene = Scene::new().await?;
    let shop = facilitator(scene.plan()?).await?;
    let mut wallet = signed();
    wallet.signature.extend([0x64; 32]);
    let (_, verified) = shop.call("/verify", &wallet, Form::V2).await?;
    assert_eq!(
        verified["isValid"], false,
        "OKX takes no contract wallets: {verified}"
    );
    assert_eq!(scene.standin.calls().of("verify").len(), 1);
    let (_, settled) = shop.call("/settle", &wallet, Form::V2).await?;
    assert_eq!(
        (&settled["success"], &settled["errorReason"]),
        (&json!(false), &json!("invalid_signature")),
        "{settled}"
    );
    assert_eq!(scene.standin.calls().of("settle").len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smart_wallets_signature_that_was_found_valid_is_recorded_and_not_asked_about_again() -> Result<()>
{
    let scene = Scene::new().await?;
    scene.standin.configure(|settings| settings.verify_blindly = true);
    let shop = facilitator(scene.plan()?).await?;
    let mut wallet = signed();
    wallet.signature.extend([0x64; 32]);
    for _ in 0..2 {
        let (_, settled) = shop.call("/settle", &wallet, Form::V2).await?;
        // Found valid, and then refused all the same: what OKX does with contract wallets.
        assert_eq!(settled["errorReason"], "invalid_signature", "{settled}");
        let calls = scene.standin.calls();
        assert_eq!((calls.of("verify").len(), calls.of("settle").len()), (1, 1));
    }
    let statuses = "SELECT array_agg(status) FROM x402_payments";
    let statuses: Vec<String> = scene.watch.client().query_one(statuses, &[]).await?.get(0);
    assert_eq!(statuses, ["failed"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_asked_about_too_late_is_told_what_became_of_the_same_payment_meanwhile() -> Result<()> {
    let scene = Scene::new().await?;
    scene.standin.configure(|settings| settings.verify_blindly = true);
    let late = Fault {
        gate_before: Some("late".to_owned()),
        say: Say::Refusal("invalid signature, nonce_used".into()),
        ..Fault::default()
    };
    scene.standin.fault(Rule::once("verify", late));
    let shop = facilitator(scene.plan()?).await?;
    let mut wallet = signed();
    wallet.signature.extend([0x64; 32]);
    let first = async { shop.call("/settle", &wallet, Form::V2).await };
    let second = async {
        let asked =
            |calls: &[insforge_tests::standin::Call]| calls.iter().any(|call| call.target == "verify");
        scene
            .standin
            .calls()
            .wait(SOON, "the first question", asked)
            .await?;
        let settled = shop.call("/settle", &wallet, Form::V2).await?;
        scene.standin.open_gate("late");
        Ok(settled)
    };
    let (first, second) = tokio::try_join!(first, second)?;
    // What became of it, not that its nonce is used.
    assert_eq!(second.1["errorReason"], "invalid_signature", "{second:?}");
    assert_eq!(first.1["errorReason"], "invalid_signature", "{first:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_signature_on_a_recorded_payment_is_not_valid_because_its_time_is_over() -> Result<()> {
    let scene = Scene::new().await?;
    let offer = Offer {
        max_timeout_seconds: 20,
        ..Offer::usdg()
    };
    let mut wallet = Buyer::new().pay(&offer);
    wallet.signature.extend([0x64; 32]);
    let client = scene.watch.client();
    let ask = |signed: &Signed| (signed.payment(Form::V2), signed.requirements(Form::V2));
    let (payment, requirements) = ask(&wallet);
    let submit = "SELECT x402.submit($1, $2, '/report', verified => true)";
    client.query_one(submit, &[&payment, &requirements]).await?;
    // Too late to be sent.
    let over = "SELECT extract(epoch FROM now()) > valid_before - 5 FROM x402.authorizations";
    let over = || async { Ok(client.query_one(over, &[]).await?.get::<_, bool>(0).then_some(())) };
    wait_until(2 * SOON, "the end of its time", over).await?;
    let examine = "SELECT verdict FROM x402.examine($1, $2, '/report')";
    let known: String = client
        .query_one(examine, &[&payment, &requirements])
        .await?
        .get(0);
    assert_eq!(known, "valid", "the very payload that was recorded");
    wallet.signature[40] ^= 1;
    let (forged, _) = ask(&wallet);
    let verdict: String = client.query_one(examine, &[&forged, &requirements]).await?.get(0);
    assert_eq!(verdict, "indeterminate", "only the chain can tell");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_can_have_every_payment_shown_to_the_facilitator_behind() -> Result<()> {
    let scene = Scene::new().await?;
    let fault = Fault {
        effect: insforge_tests::standin::Effect::None,
        say: Say::Refusal("insufficient_balance".into()),
        ..Fault::default()
    };
    scene.standin.fault(Rule::once("verify", fault));
    let plan = scene
        .plan()?
        .set("INSFORGE_SIDECAR_FACILITATOR_VERIFY_REMOTE", "true");
    let shop = facilitator(plan).await?;
    let (_, poor) = shop.call("/verify", &signed(), Form::V2).await?;
    assert_eq!(poor["invalidReason"], "insufficient_balance", "{poor}");
    let signed = signed();
    assert_eq!(shop.call("/verify", &signed, Form::V2).await?.1["isValid"], true);
    assert_eq!(shop.call("/settle", &signed, Form::V2).await?.1["success"], true);
    // OKX would say, rightly, that the nonce is used: what is recorded is not asked about.
    assert_eq!(shop.call("/verify", &signed, Form::V2).await?.1["isValid"], true);
    assert_eq!(scene.standin.calls().of("verify").len(), 2);
    Ok(())
}
