//! Deliveries that are ours: claimed with their sale or after it, and kept by the clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use serde_json::json;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::super::claim::{Claim, LEASE, SALE_LEASE};
use super::super::flights::Flights;
use super::harness::{open_shop, said, until};
use crate::selling::fake::{FakeBook, Fate, offer_v2, payment_v2};
use crate::selling::{Answer, Book, BookError, Claimed, Delivery, Entry, Terms};
use crate::tasks::TaskGroup;

const PATIENCE: Duration = Duration::from_secs(20);

/// A delivery that is claimed with its sale, now.
async fn reserved(book: &Arc<FakeBook>, tasks: &TaskGroup) -> (Uuid, Claim) {
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
        claim: Some(SALE_LEASE),
    };
    let sale = book.sell(&entry, terms).await.unwrap();
    let Delivery::Ours(token) = sale.delivery else {
        panic!("{:?}", sale.delivery)
    };
    let flight = Arc::<Flights>::default().begin(sale.id);
    let claim = Claim::new(
        book.clone(),
        (sale.id, token),
        at + SALE_LEASE / 2,
        tasks.clone(),
        flight,
    );
    (sale.id, claim)
}

fn extensions(book: &FakeBook) -> usize {
    book.extensions.load(Ordering::SeqCst)
}

/// What somebody else is told who wants to deliver.
async fn other(book: &FakeBook, id: Uuid) -> Claimed {
    book.claim(id, LEASE, false).await.unwrap()
}

fn answer() -> Answer {
    Answer {
        status: 200,
        headers: Vec::new(),
        body: Some(b"report".to_vec()),
        keep: Duration::from_secs(60),
        delivered: true,
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_made_soon_costs_no_statement_and_one_that_takes_its_time_stays_ours() {
    let book = FakeBook::new(Fate::Waits);
    let (id, claim) = reserved(&book, &TaskGroup::default()).await;
    assert_eq!(claim.during(sleep(SALE_LEASE * 2 / 5)).await, Some(()));
    assert_eq!(extensions(&book), 0);
    assert_eq!(claim.during(sleep(SALE_LEASE / 5)).await, Some(()));
    assert_eq!(extensions(&book), 1, "once half of the first lease is over");
    assert_eq!(claim.during(sleep(10 * LEASE)).await, Some(()));
    assert_eq!(extensions(&book), 21, "every half lease from then on");
    assert!(matches!(other(&book, id).await, Claimed::Busy(_)));
    assert!(claim.answer(&answer()).await);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_somebody_else_took_meanwhile_is_not_begun() {
    let (book, tasks) = (FakeBook::new(Fate::Waits), TaskGroup::default());
    let (id, claim) = reserved(&book, &tasks).await;
    // As while a payment settles, or in a process that was stopped.
    sleep(2 * LEASE).await;
    assert!(matches!(other(&book, id).await, Claimed::Ours(_)));
    assert!(!claim.is_ours().await);
    drop(claim);
    assert!(tasks.is_empty(), "there is nothing to hand back");
    assert!(matches!(other(&book, id).await, Claimed::Busy(_)));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_is_still_ours_where_nobody_took_it() {
    let book = FakeBook::new(Fate::Waits);
    let (id, claim) = reserved(&book, &TaskGroup::default()).await;
    sleep(2 * LEASE).await;
    assert!(claim.is_ours().await);
    assert!(matches!(other(&book, id).await, Claimed::Busy(_)));
    assert!(claim.answer(&answer()).await);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_not_begun_while_the_ledger_cannot_say_whose_it_is() {
    let (book, tasks) = (FakeBook::new(Fate::Waits), TaskGroup::default());
    let (_, claim) = reserved(&book, &tasks).await;
    assert!(claim.is_ours().await, "nobody is asked while it is fresh");
    sleep(2 * LEASE).await;
    book.fail_next(vec![BookError::Unsure("no answer".to_owned())]);
    assert!(!claim.is_ours().await);
    drop(claim);
    assert!(tasks.wait(PATIENCE).await);
    assert_eq!(book.claimed(), 0, "it is handed back");
}

#[tokio::test(start_paused = true)]
async fn work_under_way_is_dropped_when_somebody_else_has_the_delivery() {
    let book = FakeBook::new(Fate::Waits);
    let (id, claim) = reserved(&book, &TaskGroup::default()).await;
    let work = async {
        book.lapse_all();
        assert!(matches!(other(&book, id).await, Claimed::Ours(_)));
        sleep(10 * LEASE).await;
    };
    assert_eq!(claim.during(work).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_recorded_answer_is_not_taken_for_a_lost_claim() {
    let book = FakeBook::new(Fate::Waits);
    let (_, claim) = reserved(&book, &TaskGroup::default()).await;
    let work = async {
        let recorded = claim.answer(&answer()).await;
        sleep(10 * LEASE).await;
        recorded
    };
    assert_eq!(claim.during(work).await, Some(true));
}

#[tokio::test]
async fn a_delivery_that_is_not_used_is_handed_back() {
    let (book, tasks) = (FakeBook::new(Fate::Waits), TaskGroup::default());
    drop(reserved(&book, &tasks).await);
    assert!(tasks.wait(PATIENCE).await);
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
