//! The one path that everything else is built around: signed, submitted, settled, proven.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::{Database, Template};
use insforge_tests::ledger;
use insforge_tests::standin::{CodeForm, DataForm};

use crate::scene::{SOON, Scene};

async fn settles(form: Form, generation: &str, offer: Offer) -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene
        .plan()?
        .set("OKX_API_GENERATION", generation)
        .start()
        .await?;
    let signed = Buyer::new().pay(&offer);
    let id = scene.submit_as(&signed, form).await?;
    let row = scene.settled(&signed, id).await?;
    assert!(!row.mock);
    assert_eq!(scene.path(id).await?, ["pending", "settling", "settled"]);
    assert_eq!(scene.standin.calls().of("settle").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_2_payment_is_settled_through_generation_2() -> Result<()> {
    settles(Form::V2, "2", Offer::usdg()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_1_payment_is_settled_through_generation_2() -> Result<()> {
    settles(Form::V1, "2", Offer::usdg()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_insforge_hybrid_is_settled_through_generation_1() -> Result<()> {
    settles(Form::Hybrid, "1", Offer::usdg()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_2_payment_is_settled_through_generation_1() -> Result<()> {
    settles(Form::V2, "1", Offer::usdg()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_a_name_beyond_ascii_is_settled() -> Result<()> {
    settles(Form::V2, "2", Offer::usdt0()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_the_envelope_is_understood() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar().await?;
    for code in [CodeForm::Text, CodeForm::Number] {
        for data in [DataForm::Object, DataForm::Array, DataForm::Bare] {
            scene
                .standin
                .configure(|settings| (settings.code, settings.data) = (Some(code), Some(data)));
            let (signed, id) = scene.pay().await?;
            scene.settled(&signed, id).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_that_waited_for_a_sidecar_are_settled_when_one_comes() -> Result<()> {
    let mut scene = Scene::new().await?;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(scene.pay().await?);
    }
    let _sidecar = scene.sidecar().await?;
    for (signed, id) in waiting {
        scene.settled(&signed, id).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_row_carries_what_the_insforge_guide_reads() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecar = scene.sidecar().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    let sql = "SELECT payer_address, endpoint, amount, chain, network, asset, pay_to, nonce, value::text
               FROM x402_payments WHERE id = $1";
    let row = scene.watch.client().query_one(sql, &[&id]).await?;
    let read: Vec<String> = (0..9).map(|column| row.get(column)).collect();
    let lower = |address: alloy_primitives::Address| format!("{address:#x}");
    let expected = [
        lower(signed.auth.from),
        signed.offer.resource.clone(),
        "10000".to_owned(),
        "xlayer".to_owned(),
        "eip155:196".to_owned(),
        lower(signed.offer.domain.verifying_contract),
        lower(signed.offer.pay_to),
        signed.nonce_text(),
        "10000".to_owned(),
    ];
    assert_eq!(read, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn insforge_realtime_hears_of_a_payment_once_when_it_is_settled() -> Result<()> {
    let database = Database::create(Template::InsForgeExtension).await?;
    let mut scene = Scene::on(database).await?;
    let _sidecar = scene.sidecar().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    let sql = "SELECT event_name, payload -> 'new' ->> 'tx_hash' FROM realtime.messages
               WHERE channel_name = 'x402_payments' AND event_name LIKE 'INSERT%'";
    let messages = scene.watch.client().query(sql, &[]).await?;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].get::<_, &str>(0), "INSERT_x402_payments");
    let hash = ledger::row(scene.watch.client(), id).await?.tx_hash;
    assert_eq!(messages[0].get::<_, Option<String>>(1), hash);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_every_change_of_a_payment() -> Result<()> {
    let mut scene = Scene::new().await?;
    let (signed, id) = scene.pay().await?;
    scene.watch.heard().await?;
    let _sidecar = scene.sidecar().await?;
    let mut last = serde_json::Value::Null;
    // The row can be seen a moment before those who listen are told, so it is them who are waited for.
    for status in ["settling", "settled"] {
        last = serde_json::from_str(&scene.watch.next(SOON).await?)?;
        assert_eq!(last["status"], status);
    }
    let hash = scene.standin.chain().transfers_of(signed.nonce())[0].tx;
    assert_eq!(last["id"], id.to_string());
    assert_eq!(last["network"], "eip155:196");
    assert_eq!(last["tx_hash"], serde_json::json!(hash));
    Ok(())
}
