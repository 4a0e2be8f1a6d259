//! Answers that are kept for those who send the same payment again, and for nobody else.

use anyhow::Result;
use insforge_protocol::x402::header;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::wait::wait_until;
use serde_json::json;

use crate::scene::{SOON, Scene};
use crate::selling_raw::REPORT;
use crate::selling_smuggling::open;
use crate::selling_support::{Endpoint, gateway};

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_is_not_for_somebody_who_saw_only_the_nonce() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    assert_eq!(shop.buy("/report", &signed, Form::V2).await?.status, 200);
    let mut stranger = signed.clone();
    stranger.signature = Buyer::new().pay(&Offer::usdg()).signature;
    for form in [Form::V1, Form::V2, Form::Hybrid] {
        let got = shop.buy("/report", &stranger, form).await?;
        assert_eq!(got.status, 402, "{}", got.body);
        assert!(!got.body.starts_with("report"), "{}", got.body);
    }
    let got = shop.buy("/report", &signed, Form::V1).await?;
    assert_eq!(
        (got.status, got.body.as_str()),
        (200, "report"),
        "the buyer, in another form"
    );
    assert_eq!(tape.seen().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_to_credentials_is_not_for_somebody_who_read_the_payment_on_the_chain() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let payment = header::encode(&signed.payment(Form::V2));
    let ask = |credentials: &'static str| {
        let sent = [
            ("payment-signature", payment.as_str()),
            ("authorization", credentials),
        ];
        let shop = &shop;
        async move { shop.get("/report", &sent).await }
    };
    assert_eq!(ask("Bearer buyer").await?.body, "report");
    let stranger = shop.get("/report", &[("payment-signature", &payment)]).await?;
    for got in [stranger, ask("Bearer stranger").await?] {
        assert_eq!(
            (got.status, got.asks_for_a_new_payment()),
            (409, false),
            "{}",
            got.body
        );
    }
    let again = ask("Bearer buyer").await?;
    assert_eq!((again.status, again.body.as_str()), (200, "report"));
    assert!(again.headers.keys().all(|name| !name.as_str().contains("asker")));
    assert_eq!(tape.seen().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_answers_are_forgotten_in_time_however_many_there_are() -> Result<()> {
    let scene = Scene::new().await?;
    let client = scene.watch.client();
    let sql = "INSERT INTO x402.deliveries (payment_id, payer, state, answer_status, answer_headers, answer_body, kept_until)
               SELECT gen_random_uuid(), '0x', 'answered', 200, '[]', 'x', now() - interval '1 s' FROM generate_series(1, 2500)";
    client.execute(sql, &[]).await?;
    let endpoint = Endpoint::start().await?;
    let _shop = gateway(scene.plan()?, &endpoint, &json!({})).await?;
    let sql = "SELECT count(*) FROM x402.deliveries WHERE answer_body IS NOT NULL";
    wait_until(SOON, "all are forgotten at once", || async {
        Ok((client.query_one(sql, &[]).await?.get::<_, i64>(0) == 0).then_some(()))
    })
    .await
}
