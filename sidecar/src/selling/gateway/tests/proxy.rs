use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use insforge_protocol::ledger::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{open_gateway, open_shop, said};
use crate::selling::fake::{FakeBook, Fate, payment_v2};
use crate::selling::gateway::Face;

fn settling() -> std::sync::Arc<FakeBook> {
    FakeBook::new(Fate::Becomes(Status::Settled))
}

#[tokio::test]
async fn a_free_path_is_passed_on_with_its_body_and_without_a_payment() {
    let shop = open_shop(settling(), "", |_| said(201, "made")).await;
    let got = shop
        .send(
            reqwest::Method::PUT,
            "/public/a?b=1",
            &[("x-own", "1"), ("x-payment", "secret")],
            "body",
        )
        .await;
    assert_eq!((got.status, got.body.as_deref()), (201, Some("made")));
    let seen = shop.upstream.last();
    assert_eq!(
        (seen.method.as_str(), seen.uri.as_str(), &seen.body[..]),
        ("PUT", "/public/a?b=1", &b"body"[..])
    );
    assert_eq!(seen.headers["content-length"], "4");
    assert!(!seen.headers.contains_key("x-payment"));
    assert_eq!(shop.book.len(), 0);
}

#[tokio::test]
async fn what_is_not_routed_is_not_reachable() {
    let shop = open_shop(settling(), "", |_| said(200, "x")).await;
    let other = shop.send(reqwest::Method::DELETE, "/report", &[], "").await;
    assert_eq!(other.headers["allow"], "GET, POST");
    assert_eq!(
        shop.send(reqwest::Method::DELETE, "/report", &[], "")
            .await
            .status,
        405
    );
    for path in [
        "/public/..%2freport",
        "/public/%2e%2e/report",
        "/public//report",
        "/public/..;/report",
    ] {
        let mut raw = TcpStream::connect(shop.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        raw.write_all(head.as_bytes()).await.unwrap();
        let mut said = String::new();
        raw.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 400"), "{path}: {said}");
    }
    assert_eq!(shop.upstream.calls(), 0);
}

#[tokio::test]
async fn a_body_larger_than_allowed_is_413_before_anything_is_paid() {
    let shop = open_shop(settling(), "max_request_body = 8", |_| said(200, "x")).await;
    let value = insforge_protocol::x402::header::encode(&payment_v2("10000", 1));
    let headers = [("payment-signature", &*value)];
    let got = shop
        .send(reqwest::Method::POST, "/report", &headers, "nine bytes")
        .await;
    assert_eq!((got.status, shop.book.len()), (413, 0));
    // Without a declared length the bytes are counted.
    let mut raw = TcpStream::connect(shop.address).await.unwrap();
    let head = format!(
        "POST /report HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\
         payment-signature: {value}\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n"
    );
    raw.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    raw.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    assert_eq!((shop.book.len(), shop.upstream.calls()), (0, 0));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_before_anything_is_paid() {
    let shop = open_shop(settling(), "idle_timeout = '50ms'", |_| said(200, "x")).await;
    let value = insforge_protocol::x402::header::encode(&payment_v2("10000", 1));
    let mut raw = TcpStream::connect(shop.address).await.unwrap();
    let head = format!(
        "POST /report HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nconnection: close\r\n\
         payment-signature: {value}\r\n\r\nhalf"
    );
    raw.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    raw.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert_eq!(shop.book.len(), 0);
}

#[tokio::test]
async fn an_unbound_body_streams_through() {
    let shop = open_shop(settling(), "bind_body = false", |_| said(200, "stored")).await;
    let value = insforge_protocol::x402::header::encode(&payment_v2("10000", 1));
    let body = "x".repeat(300_000);
    let got = shop
        .send(
            reqwest::Method::POST,
            "/upload",
            &[("payment-signature", &value)],
            &body,
        )
        .await;
    assert_eq!(got.status, 200);
    assert_eq!(shop.upstream.last().body.len(), body.len());
    assert_eq!(shop.book.entries()[0].body_sha256, None);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_or_is_silent_is_a_gateway_error_and_no_delivery() {
    let book = settling();
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let shop = open_shop(book.clone(), "", |_| said(200, "x")).await;
    let address = open_gateway(&book, nobody, "", Face::default()).await;
    let value = insforge_protocol::x402::header::encode(&payment_v2("10000", 1));
    let client = super::harness::client();
    let request = client
        .get(format!("http://{address}/report"))
        .header("payment-signature", &value);
    assert_eq!(request.send().await.unwrap().status(), 502);

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let lines = "upstream_timeout = '50ms'";
    let address = open_gateway(&book, silent.local_addr().unwrap(), lines, Face::default()).await;
    let request = client
        .get(format!("http://{address}/report"))
        .header("payment-signature", &value);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 504);
    let text = answer.text().await.unwrap();
    assert!(text.contains("settled and stays good"), "{text}");
    assert_eq!(
        shop.buy("/report", &payment_v2("10000", 1)).await.status,
        200,
        "good for the same request"
    );
}

#[tokio::test]
async fn an_answer_that_falls_silent_is_broken_off() {
    let shop = open_shop(settling(), "idle_timeout = '50ms'", |_| {
        let half = stream::once(async { Ok(http_body::Frame::data("half".into())) });
        let never = stream::pending();
        http::Response::new(StreamBody::new(Box::pin(stream::StreamExt::chain(half, never))).boxed_unsync())
    })
    .await;
    let payment = payment_v2("10000", 1);
    let got = tokio::time::timeout(Duration::from_secs(20), shop.buy("/report", &payment));
    assert_eq!(got.await.unwrap().body, None);
}

#[tokio::test]
async fn a_redirect_is_the_clients_to_follow() {
    let shop = open_shop(settling(), "", |_| {
        let mut response = said(302, "");
        response
            .headers_mut()
            .insert("location", "http://elsewhere/".parse().unwrap());
        response
    })
    .await;
    let mut raw = TcpStream::connect(shop.address).await.unwrap();
    raw.write_all(b"GET /public/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut said = String::new();
    raw.read_to_string(&mut said).await.unwrap();
    assert!(
        said.starts_with("HTTP/1.1 302") && said.contains("location: http://elsewhere/"),
        "{said}"
    );
    assert_eq!(shop.upstream.calls(), 1);
}
