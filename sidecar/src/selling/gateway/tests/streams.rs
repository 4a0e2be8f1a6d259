//! Answers that go out while they come: whole, or seen to be broken.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use insforge_protocol::ledger::Status;
use insforge_protocol::x402::header;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::super::relay::channel;
use super::harness::{Shop, open_shop, said, until};
use crate::selling::fake::{FakeBook, Fate, payment_v2};
use crate::selling::serve::Body;

const PRICE: &str = "10000";
const PATIENCE: Duration = Duration::from_secs(1);
const PIECE: usize = 64 * 1024;

fn settling() -> Arc<FakeBook> {
    FakeBook::new(Fate::Becomes(Status::Settled))
}

/// An upstream's body that comes in two parts, the second when it is let go on.
fn in_two(second: std::io::Result<&'static str>, go_on: &Arc<Notify>) -> http::Response<Body> {
    let go_on = go_on.clone();
    let first = stream::once(async { Ok(Frame::data("half".into())) });
    let then = stream::once(async move {
        go_on.notified().await;
        second.map(|text| Frame::data(text.into()))
    });
    http::Response::new(StreamBody::new(Box::pin(first.chain(then))).boxed_unsync())
}

/// A buyer's connection with its request sent.
async fn begin(shop: &Shop, payment: &serde_json::Value) -> TcpStream {
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let value = header::encode(payment);
    let head =
        format!("GET /report HTTP/1.1\r\nhost: x\r\nconnection: close\r\npayment-signature: {value}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_a_delivery() {
    let go_on = Arc::new(Notify::new());
    let cut = go_on.clone();
    let shop = open_shop(settling(), "", move |call| match call {
        0 => in_two(Err(std::io::Error::other("cut")), &cut),
        _ => said(200, "whole"),
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let mut buyer = begin(&shop, &payment).await;
    let mut begun = [0; 15];
    buyer.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200 OK", "the answer goes out while it comes");
    go_on.notify_one();
    let mut rest = String::new();
    let _ = buyer.read_to_string(&mut rest).await;
    assert!(
        !rest.ends_with("0\r\n\r\n"),
        "the client must notice that it is not whole: {rest}"
    );
    assert_eq!(shop.buy("/report", &payment).await.body.as_deref(), Some("whole"));
}

#[tokio::test]
async fn a_buyer_who_goes_away_finds_the_answer_when_it_comes_back() {
    let go_on = Arc::new(Notify::new());
    let hold = go_on.clone();
    let shop = open_shop(settling(), "", move |_| in_two(Ok(" and half"), &hold)).await;
    let payment = payment_v2(PRICE, 1);
    let gone = begin(&shop, &payment).await;
    until(|| shop.upstream.calls() == 1).await;
    drop(gone);
    go_on.notify_one();
    until(|| shop.book.deliveries.load(Ordering::SeqCst) == 1).await;
    assert_eq!(
        shop.buy("/report", &payment).await.body.as_deref(),
        Some("half and half")
    );
    assert_eq!(shop.upstream.calls(), 1);
}

#[tokio::test]
async fn an_answer_too_large_to_keep_is_delivered_once_and_then_409() {
    let shop = open_shop(settling(), "max_kept_answer = 4", |_| {
        said(200, "larger than four bytes")
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    assert_eq!(
        shop.buy("/report", &payment).await.body.as_deref(),
        Some("larger than four bytes")
    );
    let again = shop.buy("/report", &payment).await;
    assert_eq!(
        (again.status, &again.json()["reason"]),
        (409, &json!("already_used"))
    );
    assert_eq!(again.message("payment-response")["success"], true);
    assert_eq!(shop.upstream.calls(), 1);
}

#[tokio::test]
async fn a_large_answer_streams_while_it_comes() {
    let shop = open_shop(settling(), "", |_| {
        let pieces = stream::iter((0..64).map(|_| Ok(Frame::data(vec![b'x'; PIECE].into()))));
        http::Response::new(StreamBody::new(pieces).boxed_unsync())
    })
    .await;
    let got = shop.buy("/report", &payment_v2(PRICE, 1)).await;
    assert_eq!(got.body.map(|body| body.len()), Some(64 * PIECE));
}

/// So many pieces without a length.
pub(super) fn pieces(count: usize) -> http::Response<Body> {
    let pieces = stream::iter((0..count).map(|_| Ok(Frame::data(vec![b'x'; PIECE].into()))));
    http::Response::new(StreamBody::new(pieces).boxed_unsync())
}

#[tokio::test]
async fn an_answer_is_whole_only_where_its_end_was_said() {
    let (out, body) = channel();
    assert!(out.send("half".into(), PATIENCE).await);
    out.end(Some(" and half".into()), PATIENCE).await;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "half and half");

    let (out, body) = channel();
    assert!(out.send("half".into(), PATIENCE).await);
    drop(out);
    assert!(body.collect().await.is_err(), "its delivery was dropped");
}

#[tokio::test]
async fn a_buyer_too_slow_for_a_piece_is_not_given_an_answer_with_a_hole() {
    let options = "idle_timeout = \"200ms\"\nmax_kept_answer = 67108864";
    let shop = open_shop(settling(), options, |_| pieces(512)).await;
    let payment = payment_v2(PRICE, 1);
    let mut buyer = begin(&shop, &payment).await;
    until(|| shop.book.deliveries.load(Ordering::SeqCst) == 1).await;
    let mut got = Vec::new();
    let _ = buyer.read_to_end(&mut got).await;
    assert!(got.len() < 512 * PIECE, "something is missing");
    assert!(!got.ends_with(b"0\r\n\r\n"), "and the buyer can tell");
    let again = shop.buy("/report", &payment).await;
    assert_eq!(again.body.map(|body| body.len()), Some(512 * PIECE));
    assert_eq!(shop.upstream.calls(), 1);
}

#[tokio::test]
async fn a_buyer_who_goes_away_where_nothing_is_kept_can_have_it_fetched_anew() {
    let endless = || {
        let ticks = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(Frame::data("tick".into()))
        });
        http::Response::new(StreamBody::new(Box::pin(ticks)).boxed_unsync())
    };
    let shop = open_shop(settling(), "keep_answer_for = \"0s\"", move |call| match call {
        0 => endless(),
        _ => said(200, "whole"),
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let mut gone = begin(&shop, &payment).await;
    gone.read_exact(&mut [0; 15]).await.unwrap();
    drop(gone);
    until(|| shop.book.claimed() == 0).await;
    assert_eq!(shop.buy("/report", &payment).await.body.as_deref(), Some("whole"));
}

/// All that a buyer is told who speaks HTTP/1.0.
pub(super) async fn told_in_1_0(shop: &Shop, payment: &serde_json::Value) -> String {
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let value = header::encode(payment);
    let head = format!("GET /report HTTP/1.0\r\nhost: x\r\npayment-signature: {value}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    told
}

#[tokio::test]
async fn http_1_0_is_told_the_length_of_what_it_bought() {
    let shop = open_shop(settling(), "", |_| pieces(2)).await;
    let told = told_in_1_0(&shop, &payment_v2(PRICE, 1)).await;
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}", 2 * PIECE)), "{head}");
    assert_eq!(body.len(), 2 * PIECE);
}

#[tokio::test]
async fn what_http_1_0_cannot_carry_safely_is_sold_over_1_1() {
    let shop = open_shop(settling(), "max_kept_answer = 4", |_| pieces(2)).await;
    let payment = payment_v2(PRICE, 1);
    let told = told_in_1_0(&shop, &payment).await;
    assert!(
        told.starts_with("HTTP/1.0 505") && told.contains("retry with the same payment"),
        "{told}"
    );
    let got = shop.buy("/report", &payment).await;
    assert_eq!(got.body.map(|body| body.len()), Some(2 * PIECE));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer_over_http_1_0() {
    let shop = open_shop(settling(), "", |call| match call {
        0 => {
            let go_on = Arc::new(Notify::new());
            go_on.notify_one();
            in_two(Err(std::io::Error::other("cut")), &go_on)
        }
        _ => said(200, "whole"),
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let told = told_in_1_0(&shop, &payment).await;
    assert!(told.starts_with("HTTP/1.0 502"), "{told}");
    assert!(told_in_1_0(&shop, &payment).await.ends_with("whole"));
}
