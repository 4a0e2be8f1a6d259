use insforge_protocol::ledger::Status;
use serde_json::json;

use super::harness::{open_shop, said, until};
use super::streams::{pieces, told_in_1_0};
use crate::selling::Change;
use crate::selling::fake::{FakeBook, Fate, payment_v2};

const PRICE: &str = "10000";
const LINES: &str = "order = 'handle-first'";

#[tokio::test]
async fn the_answer_is_got_first_and_given_once_the_payment_settled() {
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Settled)), LINES, |_| {
        said(200, "report")
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let got = shop.buy("/report", &payment).await;
    assert_eq!((got.status, got.body.as_deref()), (200, Some("report")));
    assert_eq!(got.message("payment-response")["success"], true);
    assert!(
        !shop.upstream.last().headers.contains_key("x402-transaction"),
        "nothing was settled yet"
    );
    assert_eq!(
        shop.buy("/report", &payment).await.body.as_deref(),
        Some("report")
    );
    assert_eq!(shop.upstream.calls(), 1);
    assert_eq!(shop.book.deliveries.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_upstream_that_fails_costs_nothing() {
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Settled)), LINES, |call| {
        if call == 0 {
            said(503, "busy")
        } else {
            said(200, "report")
        }
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let got = shop.buy("/report", &payment).await;
    assert_eq!((got.status, got.body.as_deref()), (503, Some("busy")));
    assert!(!got.headers.contains_key("payment-response"));
    assert_eq!(
        shop.buy("/report", &payment).await.body.as_deref(),
        Some("report")
    );
}

#[tokio::test]
async fn nothing_is_given_for_a_payment_that_fails() {
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Failed)), LINES, |_| {
        said(200, "goods")
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    for _ in 0..2 {
        let got = shop.buy("/report", &payment).await;
        assert_eq!(
            (got.status, &got.message("payment-required")["error"]),
            (402, &json!("insufficient_balance"))
        );
        assert!(!got.body.unwrap().contains("goods"));
    }
    assert_eq!(shop.upstream.calls(), 1);
}

#[tokio::test]
async fn an_answer_waits_for_a_payment_of_open_outcome_and_for_the_buyer_to_come_back() {
    let lines = format!("{LINES}\nkeep_answer_for = '0s'");
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Unknown)), &lines, |_| {
        said(200, "report")
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let settle = async {
        until(|| shop.book.outcomes().waiting() > 0).await;
        shop.book.move_all(Status::Submitted);
        shop.book.move_all(Status::Settled);
    };
    let (got, ()) = tokio::join!(shop.buy("/report", &payment), settle);
    assert_eq!((got.status, got.body.as_deref()), (200, Some("report")));
    assert_eq!(shop.upstream.calls(), 1);
}

#[tokio::test]
async fn concurrent_requests_get_one_answer_and_are_given_none_before_it_is_paid() {
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Submitted)), LINES, |_| {
        said(200, "report")
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let settle = async {
        until(|| shop.upstream.calls() > 0 && shop.book.outcomes().waiting() > 0).await;
        assert_eq!(shop.book.deliveries.load(std::sync::atomic::Ordering::SeqCst), 0);
        shop.book.move_all(Status::Settled);
    };
    let buyers = futures_util::future::join_all((0..50).map(|_| shop.buy("/report", &payment)));
    let (got, ()) = tokio::join!(buyers, settle);
    for one in got {
        assert_eq!((one.status, one.body.as_deref()), (200, Some("report")));
    }
    assert_eq!(shop.upstream.calls(), 1);
}

#[tokio::test]
async fn an_answer_too_large_to_keep_goes_out_after_the_payment_settled() {
    let lines = format!("{LINES}\nmax_kept_answer = 4");
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Settled)), &lines, |_| {
        said(200, "larger")
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    assert_eq!(
        shop.buy("/report", &payment).await.body.as_deref(),
        Some("larger")
    );
    assert_eq!(shop.buy("/report", &payment).await.status, 409);
    let lines = format!("{LINES}\nmax_kept_answer = 4");
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Failed)), &lines, |_| {
        said(200, "larger")
    })
    .await;
    let got = shop.buy("/report", &payment).await;
    assert_eq!((got.status, got.body.unwrap().contains("larger")), (402, false));
}

#[tokio::test]
async fn a_notification_that_somebody_forged_buys_nothing() {
    for lines in [
        "settle_wait = '1s'".to_owned(),
        format!("{LINES}\nsettle_wait = '1s'"),
    ] {
        let shop = open_shop(FakeBook::new(Fate::Waits), &lines, |_| said(200, "report")).await;
        let forge = async {
            until(|| shop.book.outcomes().waiting() > 0).await;
            shop.book.outcomes().publish(Change {
                id: uuid::Uuid::from_u128(1),
                status: Status::Settled,
                tx_hash: None,
                is_ours: false,
            });
        };
        let payment = payment_v2(PRICE, 1);
        let (got, ()) = tokio::join!(shop.buy("/report", &payment), forge);
        assert_eq!(got.status, 503, "{lines}");
        assert_eq!(shop.book.deliveries.load(std::sync::atomic::Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn what_http_1_0_cannot_carry_safely_is_not_charged() {
    let lines = "order = 'handle-first'\nmax_kept_answer = 4";
    let shop = open_shop(FakeBook::new(Fate::Becomes(Status::Settled)), lines, |_| {
        pieces(2)
    })
    .await;
    let payment = payment_v2(PRICE, 1);
    let told = told_in_1_0(&shop, &payment).await;
    assert!(
        told.starts_with("HTTP/1.0 505") && told.contains("nothing was charged"),
        "{told}"
    );
    assert_eq!(shop.buy("/report", &payment).await.status, 200);
}
