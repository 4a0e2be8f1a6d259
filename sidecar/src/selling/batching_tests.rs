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

const fn terms(hold: bool) -> Terms {
    Terms {
        hold,
        max_unsettled: None,
        claim: None,
    }
}

type Reply<'a, T> = BoxFuture<'a, Result<T, BookError>>;

/// Enters everything, or fails as it is told; statements wait for permission.
#[derive(Default)]
struct FakeBatchBook {
    rounds: Mutex<Vec<usize>>,
    error: Mutex<Option<BookError>>,
    /// Of a round, the places that are not entered.
    known: Vec<usize>,
    permission: Option<Semaphore>,
}

impl FakeBatchBook {
    async fn round(&self, size: usize) -> Result<(), BookError> {
        self.rounds.lock().unwrap().push(size);
        if let Some(permission) = &self.permission {
            permission.acquire().await.unwrap().forget();
        }
        self.error.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn entered(order: &NewSale, place: usize) -> Entered {
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

impl BatchBook for FakeBatchBook {
    fn enter<'a>(&'a self, sales: &'a [NewSale], _: Duration) -> Reply<'a, Vec<Option<Entered>>> {
        async move {
            self.round(sales.len()).await?;
            let one = |(place, sale)| (!self.known.contains(&place)).then(|| Self::entered(sale, place));
            Ok(sales.iter().enumerate().map(one).collect())
        }
        .boxed()
    }

    fn claim_all<'a>(&'a self, claims: &'a [DeliveryClaim]) -> Reply<'a, Vec<Result<Claimed, BookError>>> {
        async move {
            self.round(claims.len()).await?;
            Ok(claims
                .iter()
                .map(|claim| Ok(Claimed::Ours(claim.id.as_u128() as i64)))
                .collect())
        }
        .boxed()
    }

    fn answer_all<'a>(&'a self, answers: &'a [DeliveryAnswer]) -> Reply<'a, Vec<bool>> {
        async move {
            self.round(answers.len()).await?;
            Ok(answers.iter().map(|one| one.token == 1).collect())
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
    batching: BatchingBook,
    book: Arc<FakeBook>,
    batch_book: Arc<FakeBatchBook>,
    begun: Arc<AtomicUsize>,
}

fn shop(batch_book: FakeBatchBook, places: usize) -> Shop {
    let (batch_book, begun) = (Arc::new(batch_book), Arc::new(AtomicUsize::new(0)));
    let book = FakeBook::new(Fate::Waits);
    let settler = FakeSettler {
        places,
        begun: begun.clone(),
    };
    let batching = BatchingBook::new(
        book.clone(),
        batch_book.clone(),
        Some(Arc::new(settler)),
        &TaskGroup::default(),
    );
    Shop {
        batching,
        book,
        batch_book,
        begun,
    }
}

impl Shop {
    async fn sell(&self, count: u8, hold: bool) -> Vec<Result<Sale, BookError>> {
        let entries: Vec<Entry> = (0..count).map(entry).collect();
        join_all(entries.iter().map(|entry| self.batching.sell(entry, terms(hold)))).await
    }

    fn rounds(&self) -> Vec<usize> {
        self.batch_book.rounds.lock().unwrap().clone()
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn what_is_asked_together_goes_in_one_statement_and_nobody_waits_for_others_to_come() {
    let shop = shop(FakeBatchBook::default(), 100);
    let sales = shop.sell(50, false).await;
    assert!(sales.iter().all(Result::is_ok));
    assert_eq!(shop.rounds().iter().sum::<usize>(), 50);
    assert!(shop.rounds().len() <= 2, "{:?}", shop.rounds());
    assert_eq!(shop.begun(), 50);
    assert_eq!(shop.book.len(), 0, "none was asked about alone");
}

#[tokio::test]
async fn only_as_many_are_begun_as_there_are_places_and_the_others_are_found_in_the_queue() {
    let shop = shop(FakeBatchBook::default(), 3);
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
    let shop = shop(FakeBatchBook::default(), 100);
    let sales = shop.sell(5, true).await;
    assert!(sales.iter().flatten().all(|sale| sale.status == Status::Pending));
    assert_eq!(shop.begun(), 0);
}

#[tokio::test]
async fn what_many_at_once_cannot_enter_is_asked_about_alone_and_takes_no_place() {
    let batch_book = FakeBatchBook {
        known: vec![0],
        ..FakeBatchBook::default()
    };
    let shop = shop(batch_book, 100);
    assert!(shop.sell(1, false).await.iter().all(Result::is_ok));
    assert_eq!((shop.book.len(), shop.begun()), (1, 0));
}

#[tokio::test]
async fn one_payment_that_spoils_a_statement_takes_no_other_along() {
    let shop = shop(FakeBatchBook::default(), 100);
    for error in [refused(), BookError::Unsure("cut".to_owned())] {
        *shop.batch_book.error.lock().unwrap() = Some(error);
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
    let shop = shop(FakeBatchBook::default(), 100);
    let outage = BookError::Unavailable("away".to_owned());
    *shop.batch_book.error.lock().unwrap() = Some(outage.clone());
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
    let batch_book = FakeBatchBook {
        permission: Some(Semaphore::new(0)),
        ..FakeBatchBook::default()
    };
    let shop = shop(batch_book, 100);
    let entry = entry(1);
    let mut sale = shop.batching.sell(&entry, terms(false));
    assert!((&mut sale).now_or_never().is_none());
    until(|| !shop.rounds().is_empty()).await;
    drop(sale);
    shop.batch_book.permission.as_ref().unwrap().add_permits(1);
    until(|| shop.begun() == 1).await;
}

async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), met).await.unwrap();
}

#[tokio::test]
async fn each_delivery_gets_its_own_answer() {
    let shop = shop(FakeBatchBook::default(), 100);
    let claims = (1..=9).map(|n| {
        shop.batching
            .claim(Uuid::from_u128(n), Duration::from_secs(9), true)
    });
    let tokens: Vec<_> = join_all(claims).await.into_iter().flatten().collect();
    assert_eq!(tokens, (1..=9).map(Claimed::Ours).collect::<Vec<_>>());
    let answer = answer();
    let recorded = join_all((0..3).map(|token| shop.batching.answer(Uuid::nil(), token, &answer))).await;
    assert_eq!(recorded, [Ok(false), Ok(true), Ok(false)]);
    assert_eq!(shop.rounds(), [9, 3]);
}

#[tokio::test]
async fn a_delivery_that_spoils_a_statement_takes_no_other_along() {
    let shop = shop(FakeBatchBook::default(), 100);
    *shop.batch_book.error.lock().unwrap() = Some(refused());
    let entries: Vec<Entry> = (0..3).map(entry).collect();
    let sales = join_all(
        entries
            .iter()
            .map(|entry| shop.batching.sell(entry, terms(false))),
    )
    .await;
    let ids: Vec<Uuid> = sales.into_iter().flatten().map(|sale| sale.id).collect();
    let claims = ids
        .iter()
        .map(|id| shop.batching.claim(*id, Duration::from_secs(9), false));
    let answer = answer();
    for (id, claimed) in ids.iter().zip(join_all(claims).await) {
        let Ok(Claimed::Ours(token)) = claimed else {
            panic!("{claimed:?}")
        };
        assert_eq!(shop.batching.answer(*id, token, &answer).await, Ok(true));
    }
}

#[tokio::test]
async fn a_large_answer_is_recorded_alone() {
    let shop = shop(FakeBatchBook::default(), 100);
    let sale = shop.book.sell(&entry(1), terms(false)).await.unwrap();
    let claimed = shop.book.claim(sale.id, Duration::from_secs(9), false).await;
    let Ok(Claimed::Ours(token)) = claimed else {
        panic!("{claimed:?}")
    };
    let large = Answer {
        body: Some(vec![0; 1_000_000]),
        ..answer()
    };
    assert_eq!(shop.batching.answer(sale.id, token, &large).await, Ok(true));
    assert!(shop.rounds().is_empty());
}

#[tokio::test]
async fn a_text_that_the_database_cannot_hold_spoils_no_statement_of_others() {
    let shop = shop(FakeBatchBook::default(), 100);
    let mut odd = entry(1);
    odd.payment["extensions"] = serde_json::json!([{ "note": "a\u{0}b" }]);
    assert!(shop.batching.sell(&odd, terms(false)).await.is_ok());
    assert!(shop.rounds().is_empty());
    assert_eq!(shop.book.len(), 1, "it was asked about alone");
}

fn answer() -> Answer {
    Answer {
        status: 200,
        headers: Vec::new(),
        body: None,
        keep: Duration::ZERO,
        delivered: true,
    }
}
