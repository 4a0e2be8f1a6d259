//! A gateway that sells, calls the facilitator, and dies.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::standin::{Call, Effect, Fault, Rule, Say};
use insforge_tests::wait::wait_until;
use serde_json::json;

use crate::scene::{SOON, Scene};
use crate::selling_support::{Endpoint, gateway};

async fn killed_in_its_call(effect: Effect) -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let fault = Fault {
        effect,
        say: Say::Silence,
        ..Fault::default()
    };
    scene.standin.fault(Rule::once("settle", fault));
    let shop = gateway(scene.plan_with_chain(&["one"])?, &endpoint, &json!({})).await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let value = insforge_protocol::x402::header::encode(&signed.payment(Form::V2));
    let request = insforge_tests::http::client()?
        .get(format!("http://{}/report", shop.address))
        .header("payment-signature", value);
    let cut = tokio::spawn(request.send());
    let called = |calls: &[Call]| calls.iter().any(|call| call.target == "settle");
    scene.standin.calls().wait(SOON, "the call", called).await?;
    shop.sidecar.process().kill()?;
    assert!(cut.await?.is_err());

    let shop = gateway(scene.plan_with_chain(&["one"])?, &endpoint, &json!({})).await?;
    let got = wait_until(SOON, "the same payment buys", || async {
        let got = shop.buy("/report", &signed, Form::V2).await?;
        assert!(!got.asks_for_a_new_payment(), "{} {}", got.status, got.body);
        Ok((got.status == 200).then_some(got))
    })
    .await?;
    assert_eq!(got.body, "report");
    assert_eq!(endpoint.calls(), 1);
    assert_eq!(scene.standin.chain().transfers_of(signed.nonce()).len(), 1);
    let ended = "SELECT string_agg(status, ',') FROM x402_payments";
    let ended: String = scene.watch.client().query_one(ended, &[]).await?.get(0);
    assert_eq!(ended, "settled");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_killed_before_the_money_moves_charges_once_and_its_buyer_gets_the_report_at_another()
-> Result<()> {
    killed_in_its_call(Effect::None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_killed_after_the_money_moved_charges_no_more_and_its_buyer_gets_the_report_at_another()
-> Result<()> {
    killed_in_its_call(Effect::Included).await
}
