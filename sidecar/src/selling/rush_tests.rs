//! Many buyers at once, over a ledger in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use insforge_protocol::ledger::Status;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::fake::{FakeBook, Fate, offer_v2, payment_v2};
use super::*;
use crate::tasks::TaskGroup;

type Reply<'a, T> = BoxFuture<'a, Result<T, BookError>>;

/// Enters everything, or fails as it is told; statements wait for permission.
#[derive(Default)]
struct FakeVolume {
    rounds: Mutex<Vec<usize>>,
    error: Mutex<Option<BookError>>,
    /// Of a round, the places that are not entered.
    known: Vec<usize>,
    permission: Option<Semaphore>,
}

impl FakeVolume {
    async fn round(&self, size: usize) -> Result<(), BookError> {
        self.rounds.lock().unwrap().push(size);
        if let Some(permission) = &self.permission {
            permission.acquire().await.unwrap().forget();
        }
        self.error.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn entered(order: &Order, place: usize) -> Entered {
        Entered {
            sale: Sale {
                id: Uuid::from_u128(place as u128 + 100),
                status: if order.begin {
                    Status::Settling
                } else {
                    Status::Pending
                },
                tx_hash: None,
                payer: "0x".to_owned(),
                network: None,
                error_reason: None,
                delivery: Delivery::Open,
            },
            begun: order.begin.then_some(7),
            at_unix: 1,
        }
    }
}

impl Volume for FakeVolume {
    fn enter<'a>(&'a self, orders: &'a [Order], _: Duration) -> Reply<'a, Vec<Option<Entered>>> {
        async move {
            self.round(orders.len()).await?;
            let one = |(place, order)| (!self.known.contains(&place)).then(|| Self::entered(order, place));
            Ok(orders.iter().enumerate().map(one).collect())
        }
        .boxed()
    }

    fn claim_all<'a>(&'a self, claims: &'a [(Uuid, Duration, bool)]) -> Reply<'a, Vec<Claimed>> {
        async move {
            self.round(claims.len()).await?;
            Ok(claims
                .iter()
                .map(|(id, ..)| Claimed::Ours(id.as_u128() as i64))
                .collect())
        }
        .boxed()
    }

    fn answer_all<'a>(&'a self, answers: &'a [(Uuid, i64, Answer)]) -> Reply<'a, Vec<bool>> {
        async move {
            self.round(answers.len()).await?;
            if answers.iter().any(|(.., answer)| answer.status == 599) {
                return Err(refused());
            }
            Ok(answers.iter().map(|_| true).collect())
        }
        .boxed()
    }
}

/// So many places; what was begun in them.
struct FakeSettler {
    places: usize,
    begun: Arc<AtomicUsize>,
}

struct FakeSeat(Arc<AtomicUsize>);

impl Settler for FakeSettler {
    fn seats(&self, most: usize) -> Vec<Box<dyn Seat>> {
        let seat = |_| Box::new(FakeSeat(self.begun.clone())) as Box<dyn Seat>;
        (0..most.min(self.places)).map(seat).collect()
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(30)
    }
}

impl Seat for FakeSeat {
    fn begin(self: Box<Self>, begun: Begun) {
        assert_eq!(begun.token, 7);
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn refused() -> BookError {
    BookError::Refused {
        sqlstate: "22P05".to_owned(),
        reason: "invalid_payload".to_owned(),
        message: "no text".to_owned(),
    }
}

fn entry(nonce: u8) -> Entry {
    Entry {
        payment: payment_v2("10000", nonce),
        requirements: offer_v2("10000"),
        resource: "https://api.example.com/report".to_owned(),
        method: Some("GET".to_owned()),
        body_sha256: None,
        verified: false,
    }
}

struct Shop {
    rush: Rush,
    book: Arc<FakeBook>,
    volume: Arc<FakeVolume>,
    begun: Arc<AtomicUsize>,
}

fn shop(volume: FakeVolume, places: usize) -> Shop {
    let (volume, begun) = (Arc::new(volume), Arc::new(AtomicUsize::new(0)));
    let book = FakeBook::new(Fate::Waits);
    let settler = FakeSettler {
        places,
        begun: begun.clone(),
    };
    let rush = Rush::new(
        book.clone(),
        volume.clone(),
        Some(Arc::new(settler)),
        &TaskGroup::default(),
    );
    Shop {
        rush,
        book,
        volume,
        begun,
    }
}

impl Shop {
    async fn sell(&self, count: u8, hold: bool) -> Vec<Result<Sale, BookError>> {
        let entries: Vec<Entry> = (0..count).map(entry).collect();
        join_all(entries.iter().map(|entry| self.rush.sell(entry, hold, None))).await
    }

    fn rounds(&self) -> Vec<usize> {
        self.volume.rounds.lock().unwrap().clone()
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn what_is_asked_together_goes_in_one_statement_and_nobody_waits_for_others_to_come() {
    let shop = shop(FakeVolume::default(), 100);
    let sales = shop.sell(50, false).await;
    assert!(sales.iter().all(Result::is_ok));
    assert_eq!(shop.rounds().iter().sum::<usize>(), 50);
    assert!(shop.rounds().len() <= 2, "{:?}", shop.rounds());
    assert_eq!(shop.begun(), 50);
    assert_eq!(shop.book.len(), 0, "none was asked about alone");
}

#[tokio::test]
async fn only_as_many_are_begun_as_there_are_places_and_the_others_are_found_in_the_queue() {
    let shop = shop(FakeVolume::default(), 3);
    let sales = shop.sell(10, false).await;
    let pending = sales
        .iter()
        .flatten()
        .filter(|sale| sale.status == Status::Pending)
        .count();
    assert_eq!((pending, shop.begun()), (7, 3));
}

#[tokio::test]
async fn what_is_held_is_not_begun() {
    let shop = shop(FakeVolume::default(), 100);
    let sales = shop.sell(5, true).await;
    assert!(sales.iter().flatten().all(|sale| sale.status == Status::Pending));
    assert_eq!(shop.begun(), 0);
}

#[tokio::test]
async fn what_many_at_once_cannot_enter_is_asked_about_alone_and_takes_no_place() {
    let volume = FakeVolume {
        known: vec![0],
        ..FakeVolume::default()
    };
    let shop = shop(volume, 100);
    assert!(shop.sell(1, false).await.iter().all(Result::is_ok));
    assert_eq!((shop.book.len(), shop.begun()), (1, 0));
}

#[tokio::test]
async fn one_payment_that_spoils_a_statement_takes_no_other_along() {
    let shop = shop(FakeVolume::default(), 100);
    for error in [refused(), BookError::Unsure("cut".to_owned())] {
        *shop.volume.error.lock().unwrap() = Some(error);
        assert!(shop.sell(5, false).await.iter().all(Result::is_ok));
    }
    assert_eq!(
        (shop.book.len(), shop.begun()),
        (5, 0),
        "each was asked about alone"
    );
}

#[tokio::test]
async fn an_outage_is_everybodys_answer_and_nothing_is_asked_again() {
    let shop = shop(FakeVolume::default(), 100);
    let outage = BookError::Unavailable("away".to_owned());
    *shop.volume.error.lock().unwrap() = Some(outage.clone());
    assert!(
        shop.sell(5, false)
            .await
            .iter()
            .all(|sale| *sale == Err(outage.clone()))
    );
    assert_eq!(shop.book.len(), 0);
}

#[tokio::test]
async fn a_buyer_who_goes_away_does_not_keep_a_payment_from_being_sent() {
    let volume = FakeVolume {
        permission: Some(Semaphore::new(0)),
        ..FakeVolume::default()
    };
    let shop = shop(volume, 100);
    let entry = entry(1);
    let mut sale = shop.rush.sell(&entry, false, None);
    assert!((&mut sale).now_or_never().is_none());
    while shop.rounds().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(sale);
    shop.volume.permission.as_ref().unwrap().add_permits(1);
    while shop.begun() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_delivery_gets_its_own_answer_and_one_that_cannot_be_stored_spoils_no_other() {
    let shop = shop(FakeVolume::default(), 100);
    let claims = (1..=9).map(|n| shop.rush.claim(Uuid::from_u128(n), Duration::from_secs(9), true));
    let tokens: Vec<_> = join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(tokens, (1..=9).map(Claimed::Ours).collect::<Vec<_>>());
    let answers: Vec<Answer> = [200, 599, 200].map(answer).into_iter().collect();
    let recorded = join_all(
        answers
            .iter()
            .map(|answer| shop.rush.answer(Uuid::nil(), 1, answer)),
    )
    .await;
    assert_eq!(recorded, [Ok(true), Err(refused()), Ok(true)]);
}

fn answer(status: u16) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: None,
        keep: Duration::ZERO,
        delivered: true,
    }
}
