use insforge_protocol::ledger::Status;
use insforge_protocol::x402::header;
use serde_json::json;

use super::harness::{open_gateway, open_shop, said};
use crate::selling::fake::{FakeBook, Fate, payment_v1, payment_v2};
use crate::selling::gateway::Face;

async fn shop() -> super::harness::Shop {
    open_shop(FakeBook::new(Fate::Becomes(Status::Settled)), "", |_| {
        said(200, "report")
    })
    .await
}

#[tokio::test]
async fn without_a_payment_everybody_is_told_what_to_pay_in_their_own_way() {
    let shop = shop().await;
    let got = shop.get("/report?b=2&a=1", &[("host", "api.example.com")]).await;
    assert_eq!(got.status, 402);
    let (header, body) = (got.message("payment-required"), got.json());
    assert_eq!(
        (&header["x402Version"], &header["accepts"][0]["amount"]),
        (&json!(2), &json!("10000"))
    );
    assert_eq!(header["accepts"][0]["maxAmountRequired"], "10000");
    assert_eq!(
        (&body["x402Version"], &body["accepts"][0]["maxAmountRequired"]),
        (&json!(1), &json!("10000"))
    );
    assert_eq!(header["resource"]["url"], "http://api.example.com/report?b=2&a=1");
    assert_eq!(got.headers["cache-control"], "no-store");
    let exposed = got.headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("PAYMENT-REQUIRED") && exposed.contains("PAYMENT-RESPONSE"));
    assert_eq!((shop.upstream.calls(), shop.book.len()), (0, 0));
}

#[tokio::test]
async fn a_payment_header_that_cannot_be_read_is_400_and_settles_nothing() {
    let shop = shop().await;
    let (a, b) = (
        header::encode(&payment_v2("10000", 1)),
        header::encode(&payment_v2("10000", 2)),
    );
    let huge = "A".repeat(20_000);
    for headers in [
        vec![("payment-signature", "%%%")],
        vec![("payment-signature", "{}")],
        vec![("x-payment", &*huge)],
        vec![("payment-signature", &*a), ("x-payment", &*b)],
        vec![("payment-signature", &*a), ("payment-signature", &*b)],
    ] {
        assert_eq!(shop.get("/report", &headers).await.status, 400);
    }
    let mut broken = payment_v2("10000", 1);
    broken["payload"]["authorization"]["value"] = json!("1e4");
    assert_eq!(shop.buy("/report", &broken).await.status, 400);
    assert_eq!(shop.book.len(), 0);
}

#[tokio::test]
async fn a_payment_that_is_none_for_this_is_402_with_the_reason() {
    let shop = shop().await;
    let mut other_chain = payment_v2("10000", 1);
    other_chain["accepted"]["network"] = json!("eip155:8453");
    let mut forged = payment_v2("10000", 1);
    forged["payload"]["signature"] = payment_v2("10000", 2)["payload"]["signature"].clone();
    let mut own_terms = payment_v2("1", 1);
    own_terms["accepted"]["amount"] = json!("1");
    for (payment, reason) in [
        (other_chain, "network_mismatch"),
        (payment_v2("9999", 1), "value_mismatch"),
        (payment_v1("9999", 1), "value_mismatch"),
        (own_terms, "value_mismatch"),
        (forged, "invalid_exact_evm_payload_signature"),
    ] {
        let got = shop.buy("/report", &payment).await;
        assert_eq!(got.status, 402);
        let error = got.message("payment-required")["error"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!((shop.upstream.calls(), shop.book.len()), (0, 0));
}

#[tokio::test]
async fn a_page_may_buy_where_the_operator_lets_it() {
    let shop = shop().await;
    let face = Face {
        public_url: Some("https://api.example.com".into()),
        allow_origin: Some("https://app.example.com".parse().unwrap()),
    };
    let address = open_gateway(&shop.book, shop.address, "", face).await;
    let url = format!("http://{address}/report");
    let client = super::harness::client();
    let preflight = client
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "x-own")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 204);
    let allowed: Vec<_> = preflight
        .headers()
        .get_all("access-control-allow-headers")
        .iter()
        .collect();
    assert_eq!(allowed, ["PAYMENT-SIGNATURE, X-PAYMENT", "x-own"]);
    let unpaid = client.get(&url).send().await.unwrap();
    assert_eq!(
        unpaid.headers()["access-control-allow-origin"],
        "https://app.example.com"
    );
    let told = header::decode(unpaid.headers()["payment-required"].to_str().unwrap()).unwrap();
    assert_eq!(told["resource"]["url"], "https://api.example.com/report");
}
