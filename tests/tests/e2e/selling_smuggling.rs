//! Requests that two programs could cut at different places, seen from an endpoint behind the real gateway:
//! what counts is that it gets one request for one, framed anew, or none.

use anyhow::Result;
use insforge_tests::sidecar::Plan;
use serde_json::json;

use crate::scene::Scene;
use crate::selling_raw::{REPORT, Tape, refused, said, statuses};
use crate::selling_support::{SELLER, Shop, gateway_of};

/// A gateway with something free below `/public/` and all else for sale, and the endpoint behind it.
pub(crate) async fn open(plan: Plan, answer: &'static str) -> Result<(Shop, Tape)> {
    let tape = Tape::start(answer).await?;
    let upstream = format!("http://{}", tape.address);
    let routes = json!([
        { "path": "/public/*", "method": "*", "free": true, "upstream": upstream, "max_request_body": "1KiB" },
        { "path": "/*", "method": ["GET", "POST"], "price": "0.01", "pay_to": SELLER, "upstream": upstream,
          "max_request_body": "1KiB" },
    ]);
    Ok((gateway_of(plan, &routes).await?, tape))
}

const SMUGGLED: &str = "GET /public/smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_chunks_is_one_request_and_the_connections_last() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let (length, chunked) = ("content-length: 100", "transfer-encoding: chunked");
    for [first, second] in [[length, chunked], [chunked, length]] {
        let request = format!(
            "POST /public/a HTTP/1.1\r\nhost: x\r\n{first}\r\n{second}\r\n\r\n4\r\nbody\r\n0\r\n\r\n{SMUGGLED}"
        );
        let answered = said(shop.address, request).await?;
        assert!(
            refused(&answered) || statuses(&answered) == [200],
            "one answer, then the end: {answered}"
        );
    }
    for seen in tape.seen() {
        assert!(
            seen.starts_with("POST /public/a") && seen.contains("body"),
            "{seen}"
        );
        assert!(!seen.contains("content-length: 100"), "{seen}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lengths_that_differ_are_refused() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    for lengths in ["content-length: 4\r\ncontent-length: 46", "content-length: 4, 46"] {
        let request = format!("POST /public/a HTTP/1.1\r\nhost: x\r\n{lengths}\r\n\r\nbody{SMUGGLED}");
        let answered = said(shop.address, request).await?;
        assert!(refused(&answered), "{lengths}: {answered}");
    }
    assert_eq!(tape.seen(), [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn transfer_codings_in_disguise_are_refused_or_hide_nothing() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    for coding in [
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: identity",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: \x0bchunked",
        "transfer-encoding : chunked",
        "transfer-encoding\t: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding:\r\n chunked",
    ] {
        let request = format!(
            "POST /public/a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n{coding}\r\n\r\n0\r\n\r\n{SMUGGLED}"
        );
        let answered = said(shop.address, request).await?;
        assert!(refused(&answered), "{coding:?}: {answered}");
    }
    // In other letters, or twice over two lines, it is the same coding.
    for coding in ["Transfer-Encoding: CHUNKED", "transfer-encoding:chunked"] {
        let request = format!("POST /public/a HTTP/1.1\r\nhost: x\r\n{coding}\r\n\r\n0\r\n\r\n{SMUGGLED}");
        let answered = said(shop.address, request).await?;
        assert_eq!(statuses(&answered), [200], "{coding:?}: {answered}");
    }
    assert!(tape.seen().iter().all(|seen| !seen.contains("smuggled")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bare_line_feeds_make_no_second_request() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    for request in [
        "GET /public/a HTTP/1.1\nhost: x\nconnection: close\n\n".to_owned(),
        "GET /public/a HTTP/1.1\r\nhost: x\nconnection: close\r\n\r\n".to_owned(),
        format!(
            "POST /public/a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4\nbody\n0\n\n{SMUGGLED}"
        ),
    ] {
        let answered = said(shop.address, &request).await?;
        assert!(statuses(&answered).len() <= 1, "{request:?}: {answered}");
    }
    for seen in tape.seen() {
        assert!(
            !seen.contains("smuggled") && !seen.replace("\r\n", "").contains('\n'),
            "{seen:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn header_lines_that_could_become_two_are_refused() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    for line in [
        "x: a\0b",
        "x\0y: a",
        "x: a\rb",
        "x: a\r\n folded",
        "x: a\r\n\tfolded",
        " x: a",
        "x : a",
        "x y: a",
        ": a",
        "x",
    ] {
        let request = format!("GET /public/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{line}\r\n\r\n");
        let answered = said(shop.address, request).await?;
        assert!(refused(&answered), "{line:?}: {answered}");
    }
    assert_eq!(tape.seen(), [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target_reaches_nobody_else() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let request =
        "GET http://evil.example/public/a HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(statuses(&said(shop.address, request).await?), [200]);
    let seen = tape.only();
    assert!(seen.starts_with("GET /public/a HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: {}", tape.address)), "{seen}");
    for target in [
        "http://evil.example/report",
        "http://evil.example//public/a",
        "evil.example:443",
        "*",
    ] {
        let method = if target.starts_with("evil") {
            "CONNECT"
        } else {
            "GET"
        };
        let request = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answered = said(shop.address, request).await?;
        assert!(!statuses(&answered).contains(&200), "{target}: {answered}");
    }
    assert_eq!(tape.seen().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_or_none_are_refused() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    for hosts in ["", "host: x\r\nhost: y\r\n", "host: x\r\nhost: x\r\n"] {
        let request = format!("GET /public/a HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        let answered = said(shop.address, request).await?;
        assert!(refused(&answered), "{hosts:?}: {answered}");
    }
    assert_eq!(tape.seen(), [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_is_served_and_priced_alike() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let free = said(shop.address, "GET /public/a HTTP/1.0\r\n\r\n").await?;
    assert!(
        free.starts_with("HTTP/1.0 200") && free.ends_with("report"),
        "{free}"
    );
    let priced = said(shop.address, "GET /report HTTP/1.0\r\n\r\n").await?;
    assert!(priced.starts_with("HTTP/1.0 402"), "{priced}");
    let chunks = "POST /public/a HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let answered = said(shop.address, format!("{chunks}{SMUGGLED}")).await?;
    assert!(
        !answered.contains(" 200 "),
        "there are no chunks in 1.0: {answered}"
    );
    assert!(tape.only().starts_with("GET /public/a HTTP/1.1\r\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order_and_each_is_priced() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let requests = "POST /public/a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbodyGET /report HTTP/1.1\r\nhost: x\r\n\r\n\
                    GET /public/b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answered = said(shop.address, requests).await?;
    assert_eq!(statuses(&answered), [200, 402, 200], "{answered}");
    let seen = tape.seen();
    assert!(
        seen[0].starts_with("POST /public/a") && seen[1].starts_with("GET /public/b"),
        "{seen:?}"
    );
    assert_eq!(seen.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn head_costs_what_get_costs_and_options_is_no_way_in() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    for (method, status) in [
        ("HEAD", 402),
        ("OPTIONS", 405),
        ("TRACE", 405),
        ("GETT", 405),
        ("get", 405),
    ] {
        let request = format!("{method} /report HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answered = said(shop.address, request).await?;
        assert_eq!(statuses(&answered), [status], "{method}: {answered}");
        if method == "HEAD" {
            assert!(answered.ends_with("\r\n\r\n"), "no body: {answered}");
        }
    }
    assert_eq!(tape.seen(), [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_chunk_extensions_are_refused() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let extension = "x".repeat(64 * 1024);
    let many = "1;a=b\r\nx\r\n".repeat(2000);
    for body in [
        format!("4;{extension}\r\nbody\r\n0\r\n\r\n"),
        format!("{many}0\r\n\r\n"),
    ] {
        let request = format!(
            "POST /report HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\npayment-signature: e30=\r\n\r\n{body}"
        );
        let answered = said(shop.address, request).await?;
        assert!(!answered.starts_with("HTTP/1.1 200"), "{answered}");
    }
    assert_eq!(tape.seen(), [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_are_no_headers_and_go_nowhere() -> Result<()> {
    let scene = Scene::new().await?;
    let (shop, tape) = open(scene.plan()?, REPORT).await?;
    let trailers = "payment-signature: e30=\r\nx402-payer: 0xme\r\nx-secret: 1\r\n";
    for (path, status) in [("/public/a", 200), ("/report", 402)] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ntrailer: payment-signature, x402-payer\r\n\
             transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n{trailers}\r\n"
        );
        let answered = said(shop.address, request).await?;
        assert_eq!(statuses(&answered), [status], "{path}: {answered}");
    }
    let seen = tape.only();
    assert!(seen.contains("body"), "{seen}");
    for name in ["payment-signature", "x402-payer", "x-secret", "trailer"] {
        assert!(!seen.contains(name), "{name}: {seen}");
    }
    Ok(())
}
