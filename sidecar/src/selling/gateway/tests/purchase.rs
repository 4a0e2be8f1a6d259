use std::sync::Arc;
use std::sync::atomic::Ordering;

use insforge_protocol::ledger::Status;
use insforge_protocol::x402::header;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{open_shop, said, until};
use crate::selling::BookError;
use crate::selling::fake::{FakeBook, Fate, payment_v1, payment_v2};

const PRICE: &str = "10000";

fn settling() -> Arc<FakeBook> {
    FakeBook::new(Fate::Becomes(Status::Settled))
}

#[tokio::test]
async fn a_payment_buys_the_answer_and_the_same_payment_gets_it_again_for_nothing() {
    let shop = open_shop(settling(), "", |_| said(200, "report")).await;
    let payment = payment_v2(PRICE, 1);
    let got = shop.buy("/report?b=2&a=1", &payment).await;
    assert_eq!((got.status, got.body.as_deref()), (200, Some("report")));
    let told = got.message("payment-response");
    assert_eq!(
        (&told["success"], &told["transaction"]),
        (&json!(true), &json!(format!("0x{}", "ab".repeat(32))))
    );
    assert_eq!(got.headers["cache-control"], "no-store");
    let again = shop.buy("/report?a=1&b=2", &payment).await;
    assert_eq!((again.status, again.body.as_deref()), (200, Some("report")));
    assert_eq!(again.message("payment-response"), told);
    assert_eq!(again.headers["content-type"], "text/plain");
    assert_eq!(
        (shop.upstream.calls(), shop.book.deliveries.load(Ordering::SeqCst)),
        (1, 1)
    );
    let seen = shop.upstream.last();
    assert_eq!(seen.uri, "/base/report?b=2&a=1");
    assert_eq!(seen.headers["x402-payer"], told["payer"].as_str().unwrap());
    assert!(!seen.headers.contains_key("payment-signature"));
}

#[tokio::test]
async fn v1_clients_pay_in_their_header_and_are_answered_in_theirs() {
    let shop = open_shop(settling(), "", |_| said(200, "report")).await;
    let value = header::encode(&payment_v1(PRICE, 1));
    let got = shop.get("/report", &[("x-payment", &value)]).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.message("x-payment-response")["success"], true);
    // InsForge's client sends a v1 message in v2's header.
    let value = header::encode(&payment_v1(PRICE, 2));
    let got = shop.get("/report", &[("payment-signature", &value)]).await;
    assert_eq!(
        (got.status, &got.message("payment-response")["success"]),
        (200, &json!(true))
    );
}

#[tokio::test]
async fn two_hundred_requests_with_one_payment_are_one_delivery() {
    let shop = open_shop(settling(), "", |_| said(200, "report")).await;
    let payment = payment_v2(PRICE, 1);
    let got = futures_util::future::join_all((0..200).map(|_| shop.buy("/report", &payment))).await;
    for one in got {
        assert_eq!((one.status, one.body.as_deref()), (200, Some("report")));
    }
    assert_eq!((shop.upstream.calls(), shop.book.len()), (1, 1));
    assert_eq!(shop.book.deliveries.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_payment_is_bound_to_method_resource_and_body() {
    let shop = open_shop(settling(), "", |_| said(200, "report")).await;
    let value = header::encode(&payment_v2(PRICE, 1));
    let headers = [("payment-signature", &*value)];
    assert_eq!(
        shop.send(reqwest::Method::POST, "/report", &headers, "one")
            .await
            .status,
        200
    );
    let entry = shop.book.entries().remove(0);
    assert_eq!(
        (entry.method.as_deref(), entry.resource.as_str()),
        (Some("POST"), "/report")
    );
    let sha = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    assert_eq!(entry.body_sha256.as_deref(), Some(sha));
    for (method, path, body) in [
        (reqwest::Method::POST, "/report", "two"),
        (reqwest::Method::POST, "/report", ""),
        (reqwest::Method::POST, "/other", "one"),
        (reqwest::Method::GET, "/report", "one"),
        (reqwest::Method::POST, "/report?x=1", "one"),
    ] {
        let got = shop.send(method, path, &headers, body).await;
        assert_eq!(got.status, 409, "{path} {body}");
        assert!(
            !got.headers.contains_key("payment-required"),
            "no second payment is asked for"
        );
    }
    assert_eq!(shop.upstream.calls(), 1);
}

#[tokio::test]
async fn while_the_outcome_is_open_the_buyer_is_asked_to_come_back_with_the_same_payment() {
    for status in [Status::Unknown, Status::Submitted, Status::Settling] {
        let shop = open_shop(
            FakeBook::new(Fate::Becomes(status)),
            "settle_wait = '50ms'",
            |_| said(200, "x"),
        )
        .await;
        let payment = payment_v2(PRICE, 1);
        let got = shop.buy("/report", &payment).await;
        assert_eq!(got.status, 503);
        assert!(got.headers.contains_key("retry-after") && !got.headers.contains_key("payment-required"));
        assert!(got.json()["error"].as_str().unwrap().contains("same payment"));
        assert_eq!(
            got.message("payment-response")["errorReason"],
            "settlement_pending"
        );
        shop.book.move_all(Status::Settled);
        assert_eq!(shop.buy("/report", &payment).await.status, 200);
        assert_eq!((shop.upstream.calls(), shop.book.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_payment_that_settles_while_the_buyer_waits_is_delivered_at_once() {
    let shop = open_shop(FakeBook::new(Fate::Waits), "", |_| said(200, "report")).await;
    let payment = payment_v2(PRICE, 1);
    let settle = async {
        until(|| shop.book.outcomes().waiting() > 0).await;
        shop.book.move_all(Status::Unknown);
        shop.book.move_all(Status::Settled);
    };
    let (got, ()) = tokio::join!(shop.buy("/report", &payment), settle);
    assert_eq!((got.status, got.body.as_deref()), (200, Some("report")));
}

#[tokio::test]
async fn a_definite_refusal_is_a_new_challenge_with_the_reason() {
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Failed)), "", |_| {
        said(200, "x")
    })
    .await;
    let got = shop.buy("/report", &payment_v2(PRICE, 1)).await;
    assert_eq!(got.status, 402);
    assert_eq!(got.message("payment-required")["error"], "insufficient_balance");
    assert_eq!(shop.upstream.calls(), 0);
}

#[tokio::test]
async fn an_upstream_that_fails_leaves_the_payment_good_for_the_same_request() {
    let shop = open_shop(settling(), "", |call| match call {
        0 => said(500, "broken"),
        1 => said(404, "not yet"),
        _ => said(200, "report"),
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let got = shop.buy("/report", &payment).await;
    assert_eq!((got.status, got.body.as_deref()), (500, Some("broken")));
    assert_eq!(
        got.message("payment-response")["success"],
        true,
        "the buyer must know that it paid"
    );
    assert_eq!(shop.buy("/report", &payment).await.status, 404);
    assert_eq!(
        shop.buy("/report", &payment).await.body.as_deref(),
        Some("report")
    );
    assert_eq!(shop.book.len(), 1);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_asked_costs_the_buyer_nothing_but_time() {
    let shop = open_shop(settling(), "", |_| said(200, "report")).await;
    let payment = payment_v2(PRICE, 1);
    shop.book
        .fail_next(vec![BookError::Unavailable("no connection".into())]);
    let got = shop.buy("/report", &payment).await;
    assert_eq!(
        (got.status, got.headers.contains_key("payment-required")),
        (503, false)
    );
    let unsure = || BookError::Unsure("no answer".into());
    shop.book.fail_next(vec![unsure(), unsure()]);
    let got = shop.buy("/report", &payment).await;
    assert_eq!(
        (got.status, &got.message("payment-response")["errorReason"]),
        (503, &json!("settlement_pending"))
    );
    assert_eq!(shop.buy("/report", &payment).await.status, 200);
}

#[tokio::test]
async fn a_payer_with_too_much_unsettled_work_is_told_to_wait() {
    let shop = open_shop(settling(), "", |_| said(200, "report")).await;
    let limit = BookError::Refused {
        sqlstate: "X4301".into(),
        reason: "too_many_unsettled".into(),
        message: "the payer has 100 payments that are not settled yet".into(),
    };
    shop.book.fail_next(vec![limit]);
    let got = shop.buy("/report", &payment_v2(PRICE, 1)).await;
    assert_eq!((got.status, got.headers.contains_key("retry-after")), (429, true));
}

#[tokio::test]
async fn a_head_request_is_priced_like_the_get() {
    let shop = open_shop(settling(), "", |_| said(200, "")).await;
    assert_eq!(
        shop.send(reqwest::Method::HEAD, "/report", &[], "").await.status,
        402
    );
    let mut raw = TcpStream::connect(shop.address).await.unwrap();
    raw.write_all(b"HEAD /report HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut said = String::new();
    raw.read_to_string(&mut said).await.unwrap();
    assert!(
        said.starts_with("HTTP/1.1 402") && said.ends_with("\r\n\r\n"),
        "{said}"
    );
}
