//! The gateway: a buyer pays once and gets once.

use anyhow::{Context, Result};
use futures_util::future::join_all;
use insforge_tests::buyer::{Buyer, Form, Offer, Signed};
use insforge_tests::standin::{Fault, Rule, Say};
use insforge_tests::wait::wait_until;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::scene::{SOON, Scene};
use crate::selling_support::{Endpoint, Got, Shop, gateway};

fn signed() -> Signed {
    Buyer::new().pay(&Offer::usdg())
}

/// One column of the only payment.
async fn ledger(scene: &Scene, column: &str) -> Result<Option<String>> {
    let sql = format!("SELECT {column}::text FROM x402_payments");
    let rows = scene.watch.client().query(&sql, &[]).await?;
    assert_eq!(rows.len(), 1, "one payment, one row");
    Ok(rows[0].get(0))
}

/// Sends the same payment until it buys; every answer on the way must be one that a buyer can wait on.
async fn insist(shop: &Shop, signed: &Signed, form: Form) -> Result<Got> {
    wait_until(SOON, "the payment buys", || async {
        let got = shop.buy("/report", signed, form).await?;
        assert!(!got.asks_for_a_new_payment(), "{} {}", got.status, got.body);
        Ok((got.status == 200).then_some(got))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_of_every_form_pay_once_and_get_the_answer() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let shop = gateway(scene.plan()?, &endpoint, &json!({})).await?;
    for (count, form) in [Form::V1, Form::V2, Form::Hybrid].into_iter().enumerate() {
        let unpaid = shop.get("/report", &[]).await?;
        assert_eq!(unpaid.status, 402);
        assert_eq!(
            unpaid.message("payment-required")?["accepts"][0]["amount"],
            "10000"
        );
        let signed = signed();
        let got = shop.buy("/report", &signed, form).await?;
        assert_eq!((got.status, got.body.as_str()), (200, "report"), "{form:?}");
        let transfers = scene.standin.chain().transfers_of(signed.nonce());
        assert_eq!(transfers.len(), 1);
        let name = if form == Form::V1 {
            "x-payment-response"
        } else {
            "payment-response"
        };
        let told = got.message(name)?;
        assert_eq!(
            (&told["success"], &told["transaction"]),
            (&json!(true), &json!(transfers[0].tx))
        );
        let again = shop.buy("/report", &signed, form).await?;
        assert_eq!(
            (again.status, again.body.as_str(), again.message(name)?),
            (200, "report", told)
        );
        assert_eq!(endpoint.calls(), count + 1, "the second answer is the kept one");
    }
    for (answer, count) in [
        ("challenge", 3),
        ("delivered", 3),
        ("replayed", 3),
        ("refused", 0),
    ] {
        assert_eq!(shop.answers(answer).await?, count, "{answer}");
    }
    let sql = "SELECT count(*) FROM x402_payments WHERE delivered_at IS NOT NULL AND endpoint = '/report'";
    assert_eq!(
        scene.watch.client().query_one(sql, &[]).await?.get::<_, i64>(0),
        3
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_of_the_extension_under_a_gateway_disturbs_no_buyer() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let shop = gateway(scene.plan()?, &endpoint, &json!({})).await?;
    assert_eq!(shop.buy("/report", &signed(), Form::V2).await?.status, 200);
    // What a release may do to statements that are prepared: one more column comes back.
    let upgrade = "ALTER TYPE x402.sale ADD ATTRIBUTE note text";
    scene.watch.client().batch_execute(upgrade).await?;
    for _ in 0..4 {
        let got = shop.buy("/report", &signed(), Form::V2).await?;
        assert_eq!((got.status, got.body.as_str()), (200, "report"));
    }
    Ok(())
}

async fn two_hundred_are_one(shops: &[Shop], scene: &Scene, endpoint: &Endpoint) -> Result<()> {
    let signed = signed();
    let requests = (0..200).map(|n| shops[n % shops.len()].buy("/report", &signed, Form::V2));
    let mut bought = 0;
    for got in join_all(requests).await {
        let got = got?;
        match got.status {
            200 => {
                assert_eq!(got.body, "report");
                bought += 1;
            }
            409 | 503 => assert!(!got.asks_for_a_new_payment()),
            other => panic!("{other}: {}", got.body),
        }
    }
    let (mut delivered, mut replayed) = (0, 0);
    for shop in shops {
        delivered += shop.answers("delivered").await?;
        replayed += shop.answers("replayed").await?;
    }
    assert_eq!(delivered, 1, "one delivery; {bought} were given its answer");
    assert_eq!(delivered + replayed, bought);
    assert_eq!(endpoint.calls(), 1, "one delivery");
    assert_eq!(
        scene.standin.chain().transfers_of(signed.nonce()).len(),
        1,
        "one transfer"
    );
    assert_eq!(
        scene.standin.calls().settles_of(signed.nonce()).len(),
        1,
        "one settle call"
    );
    assert!(ledger(scene, "delivered_at").await?.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_with_one_payment_are_one_delivery_charged_once() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let shop = gateway(scene.plan()?, &endpoint, &json!({})).await?;
    two_hundred_are_one(&[shop], &scene, &endpoint).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_through_two_sidecars_are_one_delivery_charged_once() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let shops = [
        gateway(scene.plan()?, &endpoint, &json!({})).await?,
        gateway(scene.plan()?, &endpoint, &json!({})).await?,
    ];
    two_hundred_are_one(&shops, &scene, &endpoint).await
}

#[tokio::test(flavor = "multi_thread")]
async fn handle_first_is_one_delivery_as_well() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let route = json!({ "order": "handle-first" });
    let shops = [
        gateway(scene.plan()?, &endpoint, &route).await?,
        gateway(scene.plan()?, &endpoint, &route).await?,
    ];
    two_hundred_are_one(&shops, &scene, &endpoint).await
}

/// The answer of OKX is lost after the money moved; the buyer comes back with the same payment.
async fn survives_a_lost_answer(say: Say, form: Form, route: Value) -> Result<()> {
    let scene = Scene::new().await?;
    scene
        .standin
        .fault(Rule::once("settle", Fault::after_effect(say)));
    let endpoint = Endpoint::start().await?;
    let plan = scene
        .plan()?
        .set("INSFORGE_SIDECAR_OKX_TIMEOUT", "500ms")
        .set("XLAYER_RPC_URLS", &scene.standin.rpc_url("a"));
    let mut waits = route;
    waits["settle_wait"] = json!("50ms");
    let shop = gateway(plan, &endpoint, &waits).await?;
    let signed = signed();
    let got = insist(&shop, &signed, form).await?;
    assert_eq!(got.body, "report");
    assert_eq!(
        scene.standin.chain().transfers_of(signed.nonce()).len(),
        1,
        "one transfer"
    );
    assert_eq!(endpoint.calls(), 1);
    assert_eq!(ledger(&scene, "status").await?.as_deref(), Some("settled"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v2_buyer_whose_settlement_was_lost_gets_the_answer_with_the_same_payment() -> Result<()> {
    survives_a_lost_answer(Say::Reset, Form::V2, json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v1_buyer_whose_settlement_was_lost_gets_the_answer_with_the_same_payment() -> Result<()> {
    survives_a_lost_answer(Say::Status(502), Form::V1, json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_first_answer_waits_for_a_lost_settlement() -> Result<()> {
    survives_a_lost_answer(Say::Truncated, Form::V2, json!({ "order": "handle-first" })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_fails_first_costs_nothing_and_one_that_fails_later_costs_once() -> Result<()> {
    for (order, charged) in [("handle-first", 0), ("settle-first", 1)] {
        let scene = Scene::new().await?;
        let endpoint = Endpoint::start().await?;
        let shop = gateway(scene.plan()?, &endpoint, &json!({ "order": order })).await?;
        endpoint.answer_with(500);
        let signed = signed();
        assert_eq!(shop.buy("/report", &signed, Form::V2).await?.status, 500);
        assert_eq!(
            scene.standin.chain().transfers_of(signed.nonce()).len(),
            charged,
            "{order}"
        );
        endpoint.answer_with(200);
        let got = shop.buy("/report", &signed, Form::V2).await?;
        assert_eq!((got.status, got.body.as_str()), (200, "report"), "{order}");
        assert_eq!(
            scene.standin.chain().transfers_of(signed.nonce()).len(),
            1,
            "{order}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definite_refusal_asks_for_another_payment_and_delivers_nothing() -> Result<()> {
    let scene = Scene::new().await?;
    let fault = Fault {
        effect: insforge_tests::standin::Effect::None,
        say: Say::Refusal("insufficient_balance".into()),
        ..Fault::default()
    };
    scene.standin.fault(Rule::once("settle", fault));
    let endpoint = Endpoint::start().await?;
    let shop = gateway(scene.plan()?, &endpoint, &json!({})).await?;
    let got = shop.buy("/report", &signed(), Form::V2).await?;
    assert_eq!(got.status, 402, "{}", got.body);
    assert_eq!(got.message("payment-required")?["error"], "insufficient_balance");
    assert_eq!(endpoint.calls(), 0);
    let got = shop.buy("/report", &signed(), Form::V2).await?;
    assert_eq!(got.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_bought_one_thing_and_buys_no_other() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let shop = gateway(scene.plan()?, &endpoint, &json!({})).await?;
    let signed = signed();
    assert_eq!(shop.buy("/report", &signed, Form::V2).await?.status, 200);
    let got = shop.buy("/other", &signed, Form::V2).await?;
    assert_eq!(
        (got.status, got.asks_for_a_new_payment()),
        (409, false),
        "{}",
        got.body
    );
    assert_eq!(endpoint.calls(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_is_forgotten_in_time_and_the_payment_is_used_then() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let shop = gateway(scene.plan()?, &endpoint, &json!({ "keep_answer_for": "0ms" })).await?;
    let signed = signed();
    assert_eq!(shop.buy("/report", &signed, Form::V2).await?.status, 200);
    let got = shop.buy("/report", &signed, Form::V2).await?;
    assert_eq!((got.status, got.asks_for_a_new_payment()), (409, false));
    assert_eq!(got.message("payment-response")?["success"], true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_may_have_only_so_much_unsettled_work() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let route = json!({ "order": "handle-first", "max_unsettled_per_payer": 2 });
    let shop = gateway(scene.plan()?, &endpoint, &route).await?;
    endpoint.answer_with(503);
    let buyer = Buyer::new();
    for expected in [503, 503, 429] {
        let got = shop.buy("/report", &buyer.pay(&Offer::usdg()), Form::V2).await?;
        assert_eq!(got.status, expected, "{}", got.body);
    }
    let other = shop.buy("/report", &signed(), Form::V2).await?;
    assert_eq!(other.status, 503, "another payer's limit is another");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_dies_in_a_delivery_leaves_the_payment_good() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let plan = scene.plan()?;
    let route = json!({ "upstream": format!("http://{}", silent.local_addr()?), "upstream_timeout": "30s" });
    let shop = gateway(plan.clone(), &endpoint, &route).await?;
    let signed = signed();
    let dying = shop.address;
    let value = insforge_protocol::x402::header::encode(&signed.payment(Form::V2));
    let request = insforge_tests::http::client()?
        .get(format!("http://{dying}/report"))
        .header("payment-signature", value);
    let cut = tokio::spawn(request.send());
    // The upstream is asked when the money has moved; a delivery is claimed before, with the sale.
    let asked = timeout(SOON, silent.accept())
        .await
        .context("the upstream is asked")??;
    assert_eq!(ledger(&scene, "status").await?.as_deref(), Some("settled"));
    shop.sidecar.process().kill()?;
    assert!(cut.await?.is_err());
    drop(asked);
    // The lease of a dead sidecar runs out; no test waits for that.
    let sql = "UPDATE x402.deliveries SET claimed_until = now() - interval '1 s'";
    scene.watch.client().execute(sql, &[]).await?;
    let shop = gateway(plan, &endpoint, &json!({})).await?;
    let got = shop.buy("/report", &signed, Form::V2).await?;
    assert_eq!((got.status, got.body.as_str()), (200, "report"));
    assert_eq!(scene.standin.chain().transfers_of(signed.nonce()).len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_costs_a_buyer_nothing_but_time() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let plan = insforge_tests::sidecar::Plan::settling("postgres://nobody@127.0.0.1:9/x", &scene.standin)?;
    let address = insforge_tests::port::free_address()?;
    let route = json!([{ "path": "/*", "price": "0.01", "pay_to": crate::selling_support::SELLER,
        "upstream": format!("http://{}", endpoint.address) }]);
    let sidecar = plan
        .set("INSFORGE_SIDECAR_GATEWAY_LISTEN", &address.to_string())
        .set("INSFORGE_SIDECAR_GATEWAY_ROUTES", &route.to_string())
        .launch()?;
    let shop = Shop { address, sidecar };
    let unpaid = wait_until(SOON, "the gateway answers", || async {
        Ok(shop.get("/report", &[]).await.ok())
    })
    .await?;
    assert_eq!(unpaid.status, 402, "an offer needs no database");
    let got = shop.buy("/report", &signed(), Form::V2).await?;
    assert_eq!((got.status, got.asks_for_a_new_payment()), (503, false));
    assert!(got.headers.contains_key("retry-after") && got.body.contains("same payment"));
    Ok(())
}
