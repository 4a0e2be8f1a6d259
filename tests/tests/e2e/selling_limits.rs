//! What a client may cost the gateway and the facilitator API before it is cut off, each limit by itself.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use insforge_protocol::x402::header;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::sidecar::Plan;
use insforge_tests::wait::wait_until;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::scene::{SOON, Scene};
use crate::selling_raw::{REPORT, rest, said, statuses};
use crate::selling_smuggling::open;
use crate::selling_support::{SELLER, Shop, facilitator, gateway_of};

/// A request's first line for each server, one that is answered 200 without a payment.
const GATEWAY: &str = "GET /public/a";
const FACILITATOR: &str = "GET /supported";

/// Both servers, each with its settings and its endpoint.
async fn both(scene: &Scene, settings: &[(&str, &str)]) -> Result<[(Shop, &'static str); 2]> {
    let set = |part: &str| -> Result<Plan> {
        let each = |plan: Plan, (name, value): &(&str, &str)| {
            plan.set(&format!("INSFORGE_SIDECAR_{part}_{name}"), value)
        };
        Ok(settings.iter().fold(scene.plan()?, each))
    };
    let (gateway, tape) = open(set("GATEWAY")?, REPORT).await?;
    // Kept until the test ends with its process.
    std::mem::forget(tape);
    Ok([
        (gateway, GATEWAY),
        (facilitator(set("FACILITATOR")?).await?, FACILITATOR),
    ])
}

fn served(answered: &str) -> bool {
    answered.starts_with("HTTP/1.1 200")
}

async fn is_served(address: SocketAddr, line: &str) -> Result<()> {
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answered = heard(address, &request).await?;
    assert!(served(&answered), "{answered}");
    Ok(())
}

/// What a request that comes at once is answered. Who was kept from sending it in time, by a busy machine, is cut off
/// without a word and asks again.
async fn heard(address: SocketAddr, request: &str) -> Result<String> {
    let answer = || async {
        let answered = said(address, request).await?;
        Ok((!answered.is_empty()).then_some(answered))
    };
    wait_until(SOON, "an answer", answer).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_may_be_so_long() -> Result<()> {
    let scene = Scene::new().await?;
    for (shop, line) in both(&scene, &[]).await? {
        let of = |length| {
            let filler = "a".repeat(length);
            format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-filler: {filler}\r\n\r\n")
        };
        assert!(served(&said(shop.address, of(40_000)).await?), "{line}");
        assert_eq!(statuses(&said(shop.address, of(64_000)).await?), [431], "{line}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_may_have_so_many_fields() -> Result<()> {
    let scene = Scene::new().await?;
    for (shop, line) in both(&scene, &[]).await? {
        let of = |count| {
            let fields = "x: y\r\n".repeat(count);
            format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n")
        };
        assert!(served(&said(shop.address, of(90)).await?), "{line}");
        assert_eq!(statuses(&said(shop.address, of(101)).await?), [431], "{line}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_line_may_be_so_long() -> Result<()> {
    let scene = Scene::new().await?;
    for (shop, line) in both(&scene, &[]).await? {
        let long = "a".repeat(70_000);
        let request = format!("{line}?{long} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answered = said(shop.address, request).await?;
        assert!(
            matches!(statuses(&answered)[..], [414 | 431]),
            "{line}: {answered}"
        );
        is_served(shop.address, line).await?;
    }
    Ok(())
}

/// A body in a request that is declared, or in chunks.
fn with_body(line: &str, length: usize, chunked: bool) -> String {
    let body = "a".repeat(length);
    let head = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    if chunked {
        format!("{head}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n")
    } else {
        format!("{head}content-length: {length}\r\n\r\n{body}")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_so_long_whether_it_is_declared_or_not() -> Result<()> {
    let scene = Scene::new().await?;
    let [(gateway, _), (facilitator, _)] = both(&scene, &[]).await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let payment = header::encode(&signed.payment(Form::V2));
    let paid = format!("POST /report HTTP/1.1\r\npayment-signature: {payment}\r\nx:");
    for (address, line, length) in [
        (gateway.address, "POST /public/a", 1025),
        (gateway.address, paid.as_str(), 1025),
        (facilitator.address, "POST /settle", 64 * 1024 + 1),
        (facilitator.address, "POST /verify", 64 * 1024 + 1),
    ] {
        for chunked in [false, true] {
            let answered = said(address, with_body(line, length, chunked)).await?;
            // A free body streams: where nothing was declared, it is broken off on the way.
            let streamed = chunked && line == "POST /public/a";
            let status = if streamed { 502 } else { 413 };
            assert_eq!(
                statuses(&answered),
                [status],
                "{line}, chunked {chunked}: {answered}"
            );
        }
    }
    assert_eq!(
        scene.standin.calls().of("settle").len(),
        0,
        "refused before anything is paid"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_may_take_so_long_and_a_slow_one_keeps_nobody_out() -> Result<()> {
    let scene = Scene::new().await?;
    for (shop, line) in both(&scene, &[("HEAD_TIMEOUT", "500ms")]).await? {
        let mut slow = TcpStream::connect(shop.address).await?;
        slow.write_all(format!("{line} HTTP/1.1\r\nhost: x\r\nx-slow: ").as_bytes())
            .await?;
        is_served(shop.address, line).await?;
        let started = Instant::now();
        // A letter now and then does not prolong it.
        let trickle = async {
            let mut end = [0; 64];
            loop {
                match timeout(std::time::Duration::from_millis(50), slow.read(&mut end)).await {
                    Err(_) if slow.write_all(b"a").await.is_ok() => {}
                    _ => return,
                }
            }
        };
        timeout(SOON, trickle)
            .await
            .context("a slow head is waited for")?;
        assert!(started.elapsed() < SOON);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_idle_so_long() -> Result<()> {
    let scene = Scene::new().await?;
    for (shop, line) in both(&scene, &[("HEAD_TIMEOUT", "300ms")]).await? {
        let mut fresh = TcpStream::connect(shop.address).await?;
        assert_eq!(rest(&mut fresh).await?, "", "never said a word");
        let answered = heard(shop.address, &format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n")).await?;
        assert_eq!(statuses(&answered), [200], "idle after an answer: {answered}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_take_so_long() -> Result<()> {
    let scene = Scene::new().await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let payment = header::encode(&signed.payment(Form::V2));
    let tape = crate::selling_raw::Tape::start(REPORT).await?;
    let routes = json!([{ "path": "/*", "method": ["GET", "POST"], "price": "0.01", "pay_to": SELLER,
        "upstream": format!("http://{}", tape.address), "idle_timeout": "300ms" }]);
    let gateway = gateway_of(scene.plan()?, &routes).await?;
    let plan = scene
        .plan()?
        .set("INSFORGE_SIDECAR_FACILITATOR_HEAD_TIMEOUT", "300ms");
    let facilitator = facilitator(plan).await?;
    for (address, head) in [
        (
            gateway.address,
            format!("POST /report HTTP/1.1\r\nhost: x\r\npayment-signature: {payment}\r\n"),
        ),
        (
            facilitator.address,
            "POST /settle HTTP/1.1\r\nhost: x\r\n".to_owned(),
        ),
    ] {
        let request = format!("{head}connection: close\r\ncontent-length: 10\r\n\r\nhalf");
        let answered = heard(address, &request).await?;
        assert_eq!(statuses(&answered), [408], "{head}: {answered}");
    }
    assert_eq!(tape.seen(), [""; 0]);
    assert_eq!(
        scene.standin.calls().of("settle").len(),
        0,
        "refused before anything is paid"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn there_may_be_so_many_connections_and_one_more_is_told_to_come_back() -> Result<()> {
    let scene = Scene::new().await?;
    for (shop, line) in both(&scene, &[("MAX_CONNECTIONS", "2")]).await? {
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(shop.address).await?;
            stream
                .write_all(format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
                .await?;
            let mut begun = [0; 12];
            stream.read_exact(&mut begun).await?;
            assert_eq!(&begun, b"HTTP/1.1 200");
            held.push(stream);
        }
        let refused = said(shop.address, "").await?;
        assert!(
            refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"),
            "{refused}"
        );
        held.pop();
        wait_until(SOON, "a place is free again", || async {
            let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            Ok(served(&said(shop.address, request).await?).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// An endpoint that goes on talking until nobody listens, and says then that it stopped.
async fn endless(stopped: Arc<Notify>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = format!("{:x}\r\n{}\r\n", 65_536, "a".repeat(65_536));
            let mut written = stream.write_all(head.as_bytes()).await;
            while written.is_ok() {
                written = stream.write_all(chunk.as_bytes()).await;
            }
            stopped.notify_one();
        }
    });
    Ok(address)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_be_left_untaken_so_long() -> Result<()> {
    let scene = Scene::new().await?;
    let stopped = Arc::new(Notify::new());
    let upstream = format!("http://{}", endless(stopped.clone()).await?);
    let routes = json!([
        { "path": "/public/*", "free": true, "upstream": upstream },
        { "path": "/*", "price": "0.01", "pay_to": SELLER, "upstream": upstream, "idle_timeout": "300ms" },
    ]);
    let plan = scene
        .plan()?
        .set("INSFORGE_SIDECAR_GATEWAY_WRITE_TIMEOUT", "300ms");
    let shop = gateway_of(plan, &routes).await?;
    let payment = header::encode(&Buyer::new().pay(&Offer::usdg()).payment(Form::V2));
    for head in [
        "GET /public/a HTTP/1.1\r\n".to_owned(),
        format!("GET /report HTTP/1.1\r\npayment-signature: {payment}\r\n"),
    ] {
        let mut deaf = TcpStream::connect(shop.address).await?;
        deaf.write_all(format!("{head}host: x\r\n\r\n").as_bytes())
            .await?;
        timeout(SOON, stopped.notified())
            .await
            .with_context(|| format!("a client that does not read is served on: {head}"))?;
        drop(deaf);
    }
    Ok(())
}
