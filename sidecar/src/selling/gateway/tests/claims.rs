use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use insforge_protocol::ledger::Status;
use tokio::time::sleep;
use uuid::Uuid;

use crate::selling::fake::{FakeBook, Fate, offer_v2, payment_v2};
use crate::selling::gateway::claim::Claim;
use crate::selling::gateway::flights::Flights;
use crate::selling::gateway::relay::channel;
use crate::selling::{Answer, Book, Claimed, Entry};

const LEASE: Duration = Duration::from_secs(40);
const PATIENCE: Duration = Duration::from_secs(1);

/// A settled payment whose delivery is claimed.
async fn claimed(book: &Arc<FakeBook>) -> (Uuid, i64, Claim) {
    let entry = Entry {
        payment: payment_v2("10000", 1),
        requirements: offer_v2("10000"),
        resource: "/report".to_owned(),
        method: None,
        body_sha256: None,
        verified: false,
    };
    let sale = book.sell(&entry, false, None).await.unwrap();
    let Ok(Claimed::Ours(token)) = book.claim(sale.id, LEASE, true).await else {
        panic!("nobody else is at it")
    };
    let flight = Arc::new(Flights::default()).begin(sale.id);
    let claim = Claim::new(book.clone(), sale.id, token, LEASE, flight);
    (sale.id, token, claim)
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

fn settling() -> Arc<FakeBook> {
    FakeBook::new(Fate::Becomes(Status::Settled))
}

#[tokio::test(start_paused = true)]
async fn a_delivery_stays_ours_however_long_its_upstream_is_silent() {
    let book = settling();
    let (id, _, claim) = claimed(&book).await;
    assert_eq!(claim.during(sleep(10 * LEASE)).await, Some(()));
    let other = book.claim(id, LEASE, true).await;
    assert!(matches!(other, Ok(Claimed::Busy(_))), "{other:?}");
    assert!(claim.answer(&answer()).await);
}

#[tokio::test(start_paused = true)]
async fn work_for_a_delivery_that_somebody_else_has_is_dropped() {
    let book = settling();
    let (id, token, claim) = claimed(&book).await;
    assert_eq!(book.abandon(id, token, false).await, Ok(true));
    assert!(matches!(
        book.claim(id, 9 * LEASE, true).await,
        Ok(Claimed::Ours(_))
    ));
    assert_eq!(claim.during(sleep(10 * LEASE)).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_recorded_answer_is_not_taken_for_a_lost_claim() {
    let book = settling();
    let (_, _, claim) = claimed(&book).await;
    let work = async {
        let recorded = claim.answer(&answer()).await;
        sleep(10 * LEASE).await;
        recorded
    };
    assert_eq!(claim.during(work).await, Some(true));
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
