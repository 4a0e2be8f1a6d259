//! Deliveries that are claimed with their sale.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::super::claim::{Claim, FIRST_LEASE, Reserved};
use super::super::flights::Flights;
use super::harness::{open_shop, said, until};
use crate::selling::fake::{FakeBook, Fate, offer_v2, payment_v2};
use crate::selling::{Book, Delivery, Entry, Terms};
use crate::tasks::TaskGroup;

const LEASE: Duration = Duration::from_secs(60);

/// A delivery that is claimed with its sale, now.
async fn reserved(book: &Arc<FakeBook>, tasks: &TaskGroup) -> Reserved {
    let at = Instant::now();
    let entry = Entry {
        payment: payment_v2("10000", 1),
        requirements: offer_v2("10000"),
        resource: "/report".to_owned(),
        method: None,
        body_sha256: None,
        verified: false,
    };
    let terms = Terms {
        hold: false,
        max_unsettled: None,
        claim: Some(FIRST_LEASE),
    };
    let sale = book.sell(&entry, terms).await.unwrap();
    let Delivery::Ours(token) = sale.delivery else {
        panic!("{:?}", sale.delivery)
    };
    let flight = Arc::<Flights>::default().begin(sale.id);
    let claim = Claim::new(book.clone() as Arc<dyn Book>, sale.id, token, LEASE, flight);
    Reserved::new(Some(claim.with_sale(at)), tasks.clone())
}

fn extensions(book: &FakeBook) -> usize {
    book.extensions.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_payment_settles_soon_costs_no_statement_and_a_later_one_is_prolonged_first() {
    for (after, statements) in [(4, 0), (6, 1)] {
        let book = FakeBook::new(Fate::Waits);
        let mut reserved = reserved(&book, &TaskGroup::default()).await;
        sleep(Duration::from_secs(after)).await;
        assert!(reserved.take().await.is_some());
        assert_eq!(extensions(&book), statements, "after {after} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_was_lost_while_its_payment_settled_is_not_made() {
    let book = FakeBook::new(Fate::Waits);
    let mut reserved = reserved(&book, &TaskGroup::default()).await;
    sleep(FIRST_LEASE).await;
    book.lapse_all();
    assert!(reserved.take().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_slow_upstreams_delivery_is_prolonged_before_it_runs_out() {
    let book = FakeBook::new(Fate::Waits);
    let mut reserved = reserved(&book, &TaskGroup::default()).await;
    let mut claim = reserved.take().await.unwrap();
    let extended = claim
        .during(async {
            sleep(FIRST_LEASE / 2 - Duration::from_millis(1)).await;
            assert_eq!(extensions(&book), 0);
            sleep(Duration::from_millis(2)).await;
            assert_eq!(extensions(&book), 1, "once half of the first lease is over");
            sleep(LEASE).await;
            extensions(&book)
        })
        .await;
    assert_eq!(extended, 3, "every half lease from then on");
}

#[tokio::test]
async fn a_delivery_that_is_not_used_is_handed_back() {
    let (book, tasks) = (FakeBook::new(Fate::Waits), TaskGroup::default());
    drop(reserved(&book, &tasks).await);
    assert!(tasks.wait(Duration::from_secs(20)).await);
    assert_eq!(book.claimed(), 0);
}

#[tokio::test]
async fn a_buyer_who_goes_away_while_its_payment_settles_finds_the_answer_when_it_comes_back() {
    let shop = Arc::new(open_shop(FakeBook::new(Fate::Waits), "", |_| said(200, "report")).await);
    let payment = payment_v2("10000", 1);
    let buyer = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy("/report", &payment).await }
    });
    until(|| shop.book.outcomes().waiting() > 0).await;
    assert_eq!(shop.book.claimed(), 1);
    buyer.abort();
    until(|| shop.book.claimed() == 0).await;
    shop.book.move_all(Status::Settled);
    let got = shop.buy("/report", &payment).await;
    assert_eq!((got.status, got.body.as_deref()), (200, Some("report")));
    assert_eq!(got.message("payment-response")["success"], json!(true));
    assert_eq!(shop.upstream.calls(), 1);
}
