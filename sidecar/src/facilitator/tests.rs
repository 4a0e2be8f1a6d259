use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use insforge_protocol::okx::{Class, HashStatus, NotSentCause, Outcome, Settlement, sign};
use insforge_protocol::x402::{Payment, Requirements};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::config::OkxSettings;
use crate::secret::Secret;
use crate::settle::fixture;

const HASH: &str = "0xabababababababababababababababababababababababababababababababab";
const SECRET: &str = "0123456789ABCDEF0123456789ABCDEF";

/// A request as it came in.
#[derive(Clone)]
struct Seen {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

type Answers = fn(usize) -> Response;

/// An HTTP server that keeps what it sees and answers the n-th request as told.
async fn stub(answers: Answers) -> (String, Arc<Mutex<Vec<Seen>>>) {
    type Shared = (Arc<Mutex<Vec<Seen>>>, Answers);
    async fn handle(
        State((seen, answers)): State<Shared>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        let mut seen = seen.lock().unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        seen.push(Seen {
            method,
            path: uri.to_string(),
            headers,
            body,
        });
        answers(seen.len())
    }
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let router = axum::Router::new()
        .fallback(any(handle))
        .with_state((seen.clone(), answers));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

/// A server that reads a request, answers with these bytes and closes.
async fn raw_stub(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer).await;
        }
    });
    url
}

struct FixedClock(u64);

impl Clock for FixedClock {
    fn unix_ms(&self) -> u64 {
        self.0
    }
}

fn okx(base_url: &str, generation: u8) -> Okx {
    let settings = OkxSettings {
        api_key: Secret::new("key-1".to_owned()),
        secret_key: Secret::new(SECRET.to_owned()),
        passphrase: Secret::new("pass phrase".to_owned()),
        base_url: base_url.to_owned(),
        generation,
        sync_settle: true,
        connect_timeout: Duration::from_millis(500),
        timeout: Duration::from_millis(500),
    };
    Okx::new(settings, Arc::new(FixedClock(1_774_872_000_123))).unwrap()
}

fn order() -> (Payment, Requirements) {
    let claim = fixture::claim();
    (
        Payment::parse(&claim.payment).unwrap(),
        Requirements::parse(&claim.requirements).unwrap(),
    )
}

async fn settle(facilitator: &dyn Facilitator) -> Settlement {
    let (payment, requirements) = order();
    facilitator
        .settle(Uuid::from_u128(9), &payment, &requirements, true)
        .await
}

fn ok(data: &Value) -> Response {
    axum::Json(json!({"code": "0", "msg": "", "data": data})).into_response()
}

fn settled(_: usize) -> Response {
    ok(&json!({"success": true, "status": "success", "transaction": HASH, "network": "eip155:196"}))
}

#[tokio::test]
async fn a_request_is_signed_over_the_very_bytes_sent() {
    for (generation, path) in [(1, "/api/v6/x402/settle"), (2, "/api/v6/pay/x402/settle")] {
        let (url, seen) = stub(settled).await;
        let settlement = settle(&okx(&url, generation)).await;
        assert!(
            matches!(settlement.outcome, Outcome::Settled { .. }),
            "{settlement:?}"
        );
        let seen = seen.lock().unwrap()[0].clone();
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", path));
        let header = |name: &str| seen.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("ok-access-timestamp"), "2026-03-30T12:00:00.123Z");
        assert_eq!(
            (header("ok-access-key"), header("ok-access-passphrase")),
            ("key-1".into(), "pass phrase".into())
        );
        let expected = sign(SECRET, &header("ok-access-timestamp"), "POST", path, &seen.body);
        assert_eq!(header("ok-access-sign"), expected);
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(
            (&body["syncSettle"], &body["x402Version"]),
            (&json!(true), &json!(generation))
        );
    }
}

#[tokio::test]
async fn the_query_is_part_of_what_is_signed() {
    let (url, seen) = stub(|_| ok(&json!({"success": true, "status": "success", "transaction": HASH}))).await;
    let okx = okx(&url, 2);
    assert_eq!(okx.status(&order().0, HASH).await, Some(HashStatus::Succeeded));
    let seen = seen.lock().unwrap()[0].clone();
    let stamp = seen.headers["ok-access-timestamp"].to_str().unwrap();
    assert_eq!(seen.path, format!("/api/v6/pay/x402/settle/status?txHash={HASH}"));
    assert_eq!(
        seen.headers["ok-access-sign"],
        sign(SECRET, stamp, "GET", &seen.path, "").as_str()
    );
}

#[tokio::test]
async fn generation_one_cannot_be_asked_about_a_transaction() {
    let (url, seen) = stub(settled).await;
    assert_eq!(okx(&url, 1).status(&order().0, HASH).await, None);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_connection_is_certainly_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settlement = settle(&okx(&url, 2)).await;
    let cause = NotSentCause::Unreachable;
    assert_eq!(
        settlement.outcome,
        Outcome::NotSent {
            cause,
            retry_after: None
        },
        "{settlement:?}"
    );
}

#[tokio::test]
async fn a_cut_a_half_answer_and_silence_are_unknown() {
    for answer in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"code\":\"0\"",
        b"nonsense\r\n\r\n",
    ] {
        let settlement = settle(&okx(&raw_stub(answer).await, 2)).await;
        assert!(
            matches!(settlement.outcome, Outcome::Unknown { .. }),
            "{settlement:?}"
        );
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let settlement = settle(&okx(&silent, 2)).await;
    assert!(
        matches!(settlement.outcome, Outcome::Unknown { .. }),
        "{settlement:?}"
    );
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_and_unknown() {
    let (url, _) = stub(|_| "x".repeat(BODY_CAP + 1).into_response()).await;
    let settlement = settle(&okx(&url, 2)).await;
    assert!(
        matches!(settlement.outcome, Outcome::Unknown { .. }),
        "{settlement:?}"
    );
    assert!(settlement.reason.unwrap().contains("longer than"));
}

#[tokio::test]
async fn bodies_of_failing_statuses_are_read() {
    let (url, _) = stub(|_| {
        let body = json!({"success": false, "errorReason": "settlement_pending", "transaction": HASH});
        (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response()
    })
    .await;
    let settlement = settle(&okx(&url, 2)).await;
    assert!(
        matches!(settlement.outcome, Outcome::Submitted { .. }),
        "{settlement:?}"
    );
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait_in_seconds_or_as_a_date() {
    for retry_after in ["7", "Mon, 30 Mar 2026 12:00:07 GMT"] {
        let (url, _) = match retry_after {
            "7" => stub(|_| limited("7")).await,
            _ => stub(|_| limited("Mon, 30 Mar 2026 12:00:07 GMT")).await,
        };
        let settlement = settle(&okx(&url, 2)).await;
        let cause = NotSentCause::RateLimited;
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(
            settlement.outcome,
            Outcome::NotSent { cause, retry_after },
            "{settlement:?}"
        );
    }
}

fn limited(retry_after: &'static str) -> Response {
    let headers = [
        ("retry-after", retry_after),
        ("date", "Mon, 30 Mar 2026 12:00:00 GMT"),
    ];
    let body = axum::Json(json!({"code": 50011, "msg": "Too Many Requests", "data": {}}));
    (StatusCode::TOO_MANY_REQUESTS, headers, body).into_response()
}

/// Ten minutes ahead of us, and particular about it at the first request.
fn particular(n: usize, then: fn(usize) -> Response) -> Response {
    if n > 1 {
        return then(n);
    }
    let body = axum::Json(json!({"code": "50112", "msg": "Invalid OK-ACCESS-TIMESTAMP"}));
    let date = [("date", "Mon, 30 Mar 2026 12:10:00 GMT")];
    (StatusCode::UNAUTHORIZED, date, body).into_response()
}

fn stamps(seen: &Mutex<Vec<Seen>>) -> Vec<String> {
    let seen = seen.lock().unwrap();
    let stamp = |seen: &Seen| seen.headers["ok-access-timestamp"].to_str().unwrap().to_owned();
    seen.iter().map(stamp).collect()
}

const CORRECTED: [&str; 2] = ["2026-03-30T12:00:00.123Z", "2026-03-30T12:10:00.500Z"];

#[tokio::test]
async fn a_refused_timestamp_is_corrected_by_the_servers_date_and_sent_once_more() {
    let (url, seen) = stub(|n| particular(n, settled)).await;
    let okx = okx(&url, 2);
    assert!(matches!(settle(&okx).await.outcome, Outcome::Settled { .. }));
    assert_eq!(stamps(&seen), CORRECTED);
    assert_eq!(okx.clock_offset_ms(), 600_377);
}

#[tokio::test]
async fn a_wrong_clock_keeps_nobody_from_asking_what_is_supported() {
    fn nothing(_: usize) -> Response {
        axum::Json(json!({"code": 0, "data": {"kinds": []}})).into_response()
    }
    let (url, seen) = stub(|n| particular(n, nothing)).await;
    let okx = okx(&url, 2);
    assert_eq!(okx.supported().await, Ok(Vec::new()));
    assert_eq!(stamps(&seen), CORRECTED);
}

#[tokio::test]
async fn refused_credentials_are_a_matter_of_configuration() {
    let (url, seen) = stub(|_| {
        (
            StatusCode::UNAUTHORIZED,
            axum::Json(json!({"code": 50113, "msg": "Invalid Sign", "data": null})),
        )
            .into_response()
    })
    .await;
    let okx = okx(&url, 2);
    assert!(settle(&okx).await.outcome.is_config());
    assert_eq!(okx.supported().await.unwrap_err().class, Class::Config);
    assert_eq!(seen.lock().unwrap().len(), 2, "no retry");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, seen) = stub(settled).await;
    let url = raw_stub(Box::leak(
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {elsewhere}/x\r\ncontent-length: 0\r\n\r\n")
            .into_boxed_str()
            .into_boxed_bytes(),
    ))
    .await;
    assert!(matches!(
        settle(&okx(&url, 2)).await.outcome,
        Outcome::Unknown { .. }
    ));
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn mock_mode_pretends_only_what_was_proven_and_marks_the_hash() {
    let settlement = settle(&Mock).await;
    let hash = format!("{:#x}", settlement.outcome.tx_hash().unwrap());
    assert_eq!(hash, format!("0x{}{:032x}", "6d6f636b".repeat(4), 9));
    let (payment, requirements) = order();
    let unproven = Mock.settle(Uuid::nil(), &payment, &requirements, false).await;
    assert_eq!(unproven.outcome, Outcome::Refused { class: Class::Final });
}
