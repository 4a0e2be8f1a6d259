//! Headers and paths by which a buyer or an endpoint could say what only the gateway may say.

use anyhow::Result;
use insforge_protocol::x402::header;
use insforge_tests::buyer::{Buyer, Form, Offer, Signed};
use serde_json::json;

use crate::scene::Scene;
use crate::selling_raw::{REPORT, refused, said, statuses};
use crate::selling_smuggling::open;
use crate::selling_support::{Endpoint, gateway};

fn signed() -> Signed {
    Buyer::new().pay(&Offer::usdg())
}

fn value(signed: &Signed) -> String {
    header::encode(&signed.payment(Form::V2))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_payments_in_one_request_are_refused_wherever_they_stand() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let (one, other) = (value(&signed()), value(&signed()));
    for (first, second) in [
        ("payment-signature", "payment-signature"),
        ("x-payment", "x-payment"),
        ("payment-signature", "x-payment"),
        ("x-payment", "payment-signature"),
    ] {
        let request = format!(
            "GET /report HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{first}: {one}\r\n{second}: {other}\r\n\r\n"
        );
        let answered = said(shop.address, request).await?;
        assert!(refused(&answered), "{first}, {second}: {answered}");
    }
    assert_eq!(tape.seen(), [""; 0]);
    assert_eq!(scene.standin.calls().of("settle").len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_gateway_says_who_paid() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let signed = signed();
    let forged = "x402-payer: 0xme\r\nX402-Payer: 0xme\r\nX402_Payer: 0xme\r\nx402-payment_id: 0xme\r\n\
                  x402-transaction: 0xme\r\nx_forwarded_for: 0xme\r\n";
    // What `Connection` names is dropped before the gateway speaks, and never what it says.
    let named = "connection: close, payment-signature, x402-payer, x402-payment-id, x402-transaction, cache-control\r\n";
    let request = format!(
        "GET /report HTTP/1.1\r\nhost: x\r\n{named}{forged}payment-signature: {}\r\n\r\n",
        value(&signed)
    );
    let answered = said(shop.address, request).await?;
    assert_eq!(statuses(&answered), [200], "{answered}");
    let transfers = scene.standin.chain().transfers_of(signed.nonce());
    let seen = tape.only();
    assert!(
        !seen.contains("0xme") && !seen.contains("payment-signature"),
        "{seen}"
    );
    for line in [
        format!("x402-payer: {:#x}\r\n", signed.auth.from),
        format!("x402-transaction: {:#x}\r\n", transfers[0].tx),
    ] {
        assert_eq!(seen.matches(&line).count(), 1, "{line}: {seen}");
    }
    // Without a payment nobody is named at all.
    let request = format!("GET /public/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{forged}\r\n");
    assert_eq!(statuses(&said(shop.address, request).await?), [200]);
    assert!(!tape.seen()[1].contains("0xme"), "{:?}", tape.seen());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_could_mean_another_endpoint_are_refused() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    for path in [
        "//public/a",
        "/public//a",
        "/public/../report",
        "/public/./a",
        "/public/%2e%2e/report",
        "/public/.%2E/report",
        "/public/..;/report",
        "/public/%2e%2e%3b/report",
        "/public/a%2f..%2f..%2freport",
        "/public%2freport",
        "/public/..%5creport",
        "/public/..\\report",
        "/public/%252e%252e/report",
        "/public/a%00",
        "/public/a%0d%0ax-evil:1",
        "/public/%",
        "/public/%zz",
        "/public/%c0%ae%c0%ae/report",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answered = said(shop.address, request).await?;
        assert!(refused(&answered), "{path}: {answered}");
    }
    // Another way to write it is the same priced path.
    for path in [
        "/report;x",
        "/%72eport",
        "/report?public",
        "/report/",
        "/PUBLIC/a",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert_eq!(statuses(&said(shop.address, request).await?), [402], "{path}");
    }
    assert_eq!(tape.seen(), [""; 0]);
    Ok(())
}

/// Buys once from an endpoint that answers so.
async fn bought(answer: &'static str) -> Result<String> {
    let scene = Scene::new().await?;
    let (shop, _tape) = open(scene.plan()?, answer).await?;
    let request = format!(
        "GET /report HTTP/1.1\r\nhost: x\r\nconnection: close\r\npayment-signature: {}\r\n\r\n",
        value(&signed())
    );
    said(shop.address, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_cannot_speak_of_payments_or_caches() -> Result<()> {
    let answered = bought(
        "HTTP/1.1 200 OK\r\nx-a: b\r\nPAYMENT-RESPONSE: forged\r\nx-payment-response: forged\r\nPayment-Required: forged\r\n\
         cache-control: public, max-age=600\r\ncdn-cache-control: max-age=600\r\nsurrogate-control: max-age=600\r\n\
         content-length: 6\r\n\r\nreport",
    )
    .await?;
    assert_eq!(statuses(&answered), [200], "{answered}");
    assert!(
        !answered.contains("forged") && !answered.contains("max-age"),
        "{answered}"
    );
    assert_eq!(answered.matches("payment-response: ").count(), 1, "{answered}");
    assert!(
        answered.contains("cache-control: no-store\r\n") && answered.contains("x-a: b\r\n"),
        "{answered}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn line_breaks_in_an_endpoints_headers_become_no_headers() -> Result<()> {
    for answer in [
        "HTTP/1.1 200 OK\r\nx-a: b\rpayment-response: forged\r\ncontent-length: 6\r\n\r\nreport",
        "HTTP/1.1 200 OK\r\nx-a: b\npayment-response: forged\r\ncontent-length: 6\r\n\r\nreport",
        "HTTP/1.1 200 OK\r\nx-a: b\r\n payment-response: forged\r\ncontent-length: 6\r\n\r\nreport",
        "HTTP/1.1 200 OK\r\nx-a: b\0\r\ncontent-length: 6\r\n\r\nreport",
    ] {
        let answered = bought(answer).await?;
        assert!(
            matches!(statuses(&answered)[..], [200 | 502]),
            "{answer:?}: {answered}"
        );
        for line in answered.split("\r\n") {
            let name = line.split(':').next().unwrap_or_default();
            let forged = name.eq_ignore_ascii_case("payment-response") && line.contains("forged");
            assert!(
                !forged && !line.contains(['\r', '\n', '\0']),
                "{answer:?}: {line:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_changes_the_protocol_is_a_bad_gateway_and_the_payment_stays_good() -> Result<()> {
    let answered =
        bought("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nanything")
            .await?;
    assert_eq!(statuses(&answered), [502], "{answered}");
    assert!(answered.contains("retry with the same payment"), "{answered}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_says_after_its_answer_is_no_answer_to_anybody() -> Result<()> {
    let scene = Scene::new().await?;
    let twice = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nreportHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    let (shop, tape) = open(scene.plan()?, twice).await?;
    for count in 1..=3 {
        let got = shop.get("/public/a", &[]).await?;
        assert_eq!(
            (got.status, got.body.as_str()),
            (200, "report"),
            "request {count}"
        );
    }
    assert_eq!(tape.seen().len(), 3);
    let split =
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n6\r\nreport\r\n0\r\n\r\n";
    let (shop, _tape) = open(scene.plan()?, split).await?;
    let got = shop.buy("/report", &signed(), Form::V2).await?;
    assert_eq!(
        (got.status, got.body.as_str()),
        (200, "report"),
        "chunks count, not the length beside them"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_shown_what_it_needs_to_buy_and_other_origins_are_not() -> Result<()> {
    let scene = Scene::new().await?;
    let endpoint = Endpoint::start().await?;
    let plan = scene
        .plan()?
        .set("INSFORGE_SIDECAR_GATEWAY_ALLOW_ORIGIN", "https://app.example.com");
    let shop = gateway(plan, &endpoint, &json!({})).await?;
    let signed = signed();
    let unpaid = shop.get("/report", &[("origin", "https://evil.example")]).await?;
    let paid = shop
        .get(
            "/report",
            &[
                ("payment-signature", &value(&signed)),
                ("origin", "https://evil.example"),
            ],
        )
        .await?;
    let again = shop.buy("/report", &signed, Form::V2).await?;
    for (got, status) in [(unpaid, 402), (paid, 200), (again, 200)] {
        assert_eq!(got.status, status, "{}", got.body);
        assert_eq!(
            got.headers["access-control-allow-origin"],
            "https://app.example.com"
        );
        assert!(!got.headers.contains_key("access-control-allow-credentials"));
        assert_eq!(got.headers["cache-control"], "no-store");
        let exposed = got.headers["access-control-expose-headers"].to_str()?.to_owned();
        assert!(
            exposed.contains("PAYMENT-REQUIRED") && exposed.contains("PAYMENT-RESPONSE"),
            "{exposed}"
        );
    }
    Ok(())
}
