//! Requests that two programs could cut at different places, and headers that could become two. What counts
//! is what the upstream sees: one request for one, framed anew, and no header that was not one.

use insforge_protocol::ledger::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use super::harness::{Shop, open_shop, said};
use crate::selling::fake::{FakeBook, Fate};

async fn shop() -> Shop {
    open_shop(FakeBook::new(Fate::Becomes(Status::Settled)), "", |_| {
        said(200, "ok")
    })
    .await
}

/// Sends bytes and reads until the gateway closes or falls silent.
async fn raw(shop: &Shop, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut said = Vec::new();
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut said)).await;
    String::from_utf8_lossy(&said).into_owned()
}

fn refused(said: &str) -> bool {
    said.is_empty() || said.starts_with("HTTP/1.1 400")
}

#[tokio::test]
async fn two_differing_lengths_are_refused() {
    let shop = shop().await;
    let said = raw(
        &shop,
        b"POST /public/a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 44\r\n\r\nbodyGET /report HTTP/1.1\r\nhost: x\r\n\r\n",
    )
    .await;
    assert!(refused(&said), "{said}");
    assert_eq!(shop.upstream.calls(), 0);
}

#[tokio::test]
async fn lengths_that_are_no_plain_numbers_are_refused() {
    let shop = shop().await;
    for length in ["+4", "-1", "0x4", "4, 5", "", " ", "99999999999999999999999"] {
        let request = format!("POST /public/a HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\nbody");
        let said = raw(&shop, request.as_bytes()).await;
        assert!(refused(&said), "{length:?}: {said}");
    }
    assert_eq!(shop.upstream.calls(), 0);
}

#[tokio::test]
async fn a_length_beside_chunks_does_not_reach_the_upstream() {
    let shop = shop().await;
    raw(
        &shop,
        b"POST /public/a HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    )
    .await;
    for seen in shop.upstream.seen.lock().unwrap().iter() {
        assert_eq!(&seen.body[..], b"body");
        assert_ne!(
            seen.headers.get("content-length").map(|v| v.as_bytes()),
            Some(&b"100"[..])
        );
    }
}

#[tokio::test]
async fn unknown_and_doubled_transfer_codings_are_refused() {
    let shop = shop().await;
    for coding in ["xchunked", "chunked, identity", "identity", "chunked;x"] {
        let request = format!(
            "POST /public/a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: {coding}\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
        );
        let said = raw(&shop, request.as_bytes()).await;
        assert!(refused(&said), "{coding:?}: {said}");
    }
    assert_eq!(shop.upstream.calls(), 0);
}

#[tokio::test]
async fn broken_chunks_end_the_request_and_what_follows_is_no_request() {
    let shop = shop().await;
    for body in [
        "zz\r\nbody\r\n0\r\n\r\n",
        "4\nbody\n0\n\n",
        "4\r\nbodyX\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nx",
    ] {
        let request = format!(
            "POST /public/a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{body}GET /public/smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
        );
        raw(&shop, request.as_bytes()).await;
    }
    let seen = shop.upstream.seen.lock().unwrap();
    assert!(seen.iter().all(|seen| !seen.uri.contains("smuggled")));
}

#[tokio::test]
async fn header_lines_that_could_become_two_are_refused() {
    let shop = shop().await;
    for line in [
        "x: a\rb",
        "x: a\0b",
        "x : a",
        "x y: a",
        " x: folded",
        "x\t: a",
        "\x0bx: a",
        ": a",
    ] {
        let request = format!("GET /public/a HTTP/1.1\r\nhost: x\r\n{line}\r\n\r\n");
        let said = raw(&shop, request.as_bytes()).await;
        assert!(refused(&said), "{line:?}: {said}");
    }
    assert_eq!(shop.upstream.calls(), 0);
}

#[tokio::test]
async fn request_lines_that_could_become_two_are_refused() {
    let shop = shop().await;
    for line in [
        "GET /public/a HTTP/1.1 HTTP/1.1",
        "GET /public/a\tb HTTP/1.1",
        "GET /public/a\x01 HTTP/1.1",
        "GET  HTTP/1.1",
        "GE\0T /public/a HTTP/1.1",
        "GET /public/a HTTP/3.7",
    ] {
        let said = raw(&shop, format!("{line}\r\nhost: x\r\n\r\n").as_bytes()).await;
        assert!(refused(&said), "{line:?}: {said}");
    }
    assert_eq!(shop.upstream.calls(), 0);
}

#[tokio::test]
async fn an_absolute_target_or_an_upgrade_leads_nowhere_else() {
    let shop = shop().await;
    raw(
        &shop,
        b"GET http://evil.example/public/a HTTP/1.1\r\nhost: evil.example\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
    )
    .await;
    let seen = shop.upstream.last();
    assert_eq!(seen.uri, "/public/a");
    assert!(seen.headers["host"].to_str().unwrap().starts_with("127.0.0.1:"));
    assert!(!seen.headers.contains_key("upgrade") && !seen.headers.contains_key("http2-settings"));
    let said = raw(
        &shop,
        b"CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
    )
    .await;
    assert!(!said.starts_with("HTTP/1.1 200"), "{said}");
}

#[tokio::test]
async fn two_requests_on_one_connection_are_two_and_the_second_is_still_priced() {
    let shop = shop().await;
    let said = raw(
        &shop,
        b"POST /public/a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbodyGET /report HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(
        said.starts_with("HTTP/1.1 200") && said.contains("HTTP/1.1 402"),
        "{said}"
    );
    assert_eq!(shop.upstream.calls(), 1);
}
