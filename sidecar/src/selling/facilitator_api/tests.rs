use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Network, Token};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{AllowList, FacilitatorApi, Prices, Terms};
use crate::facilitator::{Limiter, Mock};
use crate::selling::fake::{FakeBook, Fate, PAYEE, offer_v2, payment_v1, payment_v2};
use crate::selling::serve::{Limits, serve};
use crate::selling::{Book, BookError, Till, Verifier};

const PRICE: &str = "10000";

fn allow(prices: &Prices) -> AllowList {
    let token = Token::find(Network::X_LAYER, "USDG", &[]).unwrap();
    AllowList::new(vec![PAYEE.parse().unwrap()], &[token], prices).unwrap()
}

fn listed() -> AllowList {
    allow(&Prices::Listed(vec!["0.01".into()]))
}

/// An API on a port of its own.
async fn served(book: &Arc<FakeBook>, wait: Duration) -> SocketAddr {
    let (keep, allow) = tokio::sync::watch::channel(Some(Arc::new(listed())));
    let terms = Terms {
        token: None,
        allow,
        wait,
        replay: Duration::from_secs(60),
        verify_remote: false,
        body_timeout: Duration::from_secs(5),
    };
    let verifier = Verifier::new(Arc::new(Mock), Arc::new(Limiter::new(0.0, 1)));
    let till = Till::new(book.clone() as Arc<dyn Book>, book.outcomes(), verifier, None);
    let api = Arc::new(FacilitatorApi::new(terms, till, Arc::default()));
    let limits = Limits {
        connections: 100,
        head_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(5),
        head_bytes: 32 * 1024,
        grace: Duration::from_secs(5),
    };
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let _keep = keep;
        serve(listener, limits, api, CancellationToken::new()).await;
    });
    address
}

async fn post(address: SocketAddr, path: &str, body: String) -> (u16, Value) {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::client().unwrap())
        .no_proxy()
        .build()
        .unwrap();
    let answer = client
        .post(format!("http://{address}{path}"))
        .body(body)
        .send()
        .await
        .unwrap();
    (
        answer.status().as_u16(),
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    )
}

fn body(payment: &Value, requirements: &Value) -> String {
    json!({ "x402Version": payment["x402Version"], "paymentPayload": payment,
        "paymentRequirements": requirements })
    .to_string()
}

fn v1_requirements(resource: &str) -> Value {
    json!({ "scheme": "exact", "network": "eip155:196", "maxAmountRequired": PRICE,
        "asset": "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8", "payTo": PAYEE, "maxTimeoutSeconds": 300,
        "resource": resource, "description": "", "mimeType": "" })
}

#[test]
fn a_buyer_who_wrote_the_requirements_chooses_neither_payee_nor_price_nor_token() {
    use insforge_protocol::x402::Requirements;
    let check = |field: &str, value: &str| {
        let mut requirements = offer_v2(PRICE);
        requirements[field] = json!(value);
        listed().check(&Requirements::parse(&requirements).unwrap())
    };
    use super::NotAllowed::{Asset, Payee, Price, Scheme};
    assert_eq!(check("amount", PRICE), Ok(()));
    assert_eq!(check("payTo", &format!("0x{}", "11".repeat(20))), Err(Payee));
    assert_eq!(check("amount", "1"), Err(Price));
    assert_eq!(check("asset", &format!("0x{}", "11".repeat(20))), Err(Asset));
    assert_eq!(check("network", "eip155:8453"), Err(Asset));
    assert_eq!(check("scheme", "aggr_deferred"), Err(Scheme));
    assert!(
        allow(&Prices::Any)
            .check(&Requirements::parse(&offer_v2("1")).unwrap())
            .is_ok()
    );
}

#[tokio::test]
async fn a_payment_settles_and_the_same_payment_has_the_same_first_result() {
    let book = FakeBook::new(Fate::Becomes(Status::Settled));
    let address = served(&book, Duration::from_secs(5)).await;
    let asked = body(&payment_v2(PRICE, 1), &offer_v2(PRICE));
    let (status, first) = post(address, "/settle", asked.clone()).await;
    assert_eq!(
        (status, &first["success"], &first["network"]),
        (200, &json!(true), &json!("eip155:196"))
    );
    assert_eq!(first["transaction"], format!("0x{}", "ab".repeat(32)));
    assert_eq!(post(address, "/settle", asked.clone()).await, (200, first));
    let (_, verified) = post(address, "/verify", asked).await;
    assert_eq!(
        verified["isValid"], true,
        "an answer lost on the way can be fetched again"
    );
    assert_eq!(book.len(), 1);
}

#[tokio::test]
async fn concurrent_settles_of_one_payment_share_one_row_and_one_answer() {
    let book = FakeBook::new(Fate::Waits);
    let address = served(&book, Duration::from_secs(20)).await;
    let asked = body(&payment_v1(PRICE, 1), &v1_requirements("https://x/report"));
    let calls: Vec<_> = (0..20)
        .map(|_| tokio::spawn(post(address, "/settle", asked.clone())))
        .collect();
    while book.outcomes().waiting() == 0 {
        tokio::task::yield_now().await;
    }
    book.move_all(Status::Settled);
    for call in calls {
        let (status, answer) = call.await.unwrap();
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
    }
    assert_eq!(book.len(), 1);
}

#[tokio::test]
async fn an_outcome_that_stays_open_is_settlement_pending_in_every_version() {
    for (payment, requirements) in [
        (payment_v2(PRICE, 1), offer_v2(PRICE)),
        (payment_v1(PRICE, 2), v1_requirements("https://x/report")),
    ] {
        let book = FakeBook::new(Fate::Becomes(Status::Submitted));
        let address = served(&book, Duration::from_millis(50)).await;
        let (status, answer) = post(address, "/settle", body(&payment, &requirements)).await;
        assert_eq!(status, 200, "some SDKs throw away what is not 200");
        assert_eq!(
            (&answer["success"], &answer["errorReason"]),
            (&json!(false), &json!("settlement_pending"))
        );
        assert_eq!(answer["transaction"], format!("0x{}", "ab".repeat(32)));
    }
}

#[tokio::test]
async fn a_payment_bound_to_another_resource_is_refused() {
    let book = FakeBook::new(Fate::Becomes(Status::Settled));
    let address = served(&book, Duration::from_secs(5)).await;
    let payment = payment_v1(PRICE, 1);
    post(
        address,
        "/settle",
        body(&payment, &v1_requirements("https://x/report")),
    )
    .await;
    let (status, answer) = post(
        address,
        "/settle",
        body(&payment, &v1_requirements("https://x/other")),
    )
    .await;
    assert_eq!(
        (status, &answer["errorReason"]),
        (200, &json!("duplicate_settlement"))
    );
}

#[tokio::test]
async fn a_definite_failure_is_told_with_the_facilitators_reason() {
    let book = FakeBook::new(Fate::Becomes(Status::Failed));
    let address = served(&book, Duration::from_secs(5)).await;
    let asked = body(&payment_v2(PRICE, 1), &offer_v2(PRICE));
    let (status, answer) = post(address, "/settle", asked.clone()).await;
    assert_eq!(
        (status, &answer["errorReason"]),
        (200, &json!("insufficient_balance"))
    );
    assert_eq!(
        post(address, "/verify", asked).await.1["invalidReason"],
        "duplicate_settlement"
    );
}

#[tokio::test]
async fn a_ledger_that_may_have_recorded_the_payment_makes_it_pending_and_one_that_did_not_a_503() {
    let book = FakeBook::new(Fate::Becomes(Status::Settled));
    let address = served(&book, Duration::from_secs(5)).await;
    let asked = body(&payment_v2(PRICE, 1), &offer_v2(PRICE));
    let unsure = || BookError::Unsure("no answer".into());
    book.fail_next(vec![unsure(), unsure()]);
    let (status, answer) = post(address, "/settle", asked.clone()).await;
    assert_eq!(
        (status, &answer["errorReason"]),
        (200, &json!("settlement_pending"))
    );
    book.fail_next(vec![unsure()]);
    assert_eq!(
        post(address, "/settle", asked.clone()).await.1["success"],
        true,
        "asked again, found"
    );
    book.fail_next(vec![BookError::Unavailable("no connection".into())]);
    let (status, answer) = post(address, "/settle", asked).await;
    assert_eq!(
        (status, &answer["errorReason"]),
        (503, &json!("unexpected_settle_error"))
    );
}

#[tokio::test]
async fn unreadable_requests_are_answered_in_form_and_record_nothing() {
    let book = FakeBook::new(Fate::Becomes(Status::Settled));
    let address = served(&book, Duration::from_secs(5)).await;
    for (text, status) in [("", 400), ("[]", 400), ("{\"a\":", 400)] {
        assert_eq!(post(address, "/settle", text.into()).await.0, status, "{text:?}");
    }
    assert_eq!(post(address, "/settle", "x".repeat(70_000)).await.0, 413);
    let (status, answer) = post(address, "/settle", "{}".into()).await;
    assert_eq!((status, &answer["errorReason"]), (200, &json!("invalid_payload")));
    let (_, answer) = post(address, "/verify", body(&payment_v2(PRICE, 1), &json!({}))).await;
    assert_eq!(answer["invalidReason"], "invalid_payment_requirements");
    assert_eq!(post(address, "/refund", "{}".into()).await.0, 404);
    assert_eq!(book.len(), 0);
}
