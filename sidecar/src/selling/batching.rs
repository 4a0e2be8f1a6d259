//! A ledger for many buyers at once: what they ask for together goes in one statement, payments that can be sent at
//! once are recorded together with their intent, and deliveries are claimed with their sale.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::x402::VouchedToken;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::book::{
    Answer, BatchBook, Book, BookError, Claimed, DeliveryAnswer, DeliveryClaim, Entered, Entry, Examined,
    How, NewSale, Sale, Terms,
};
use super::settler::{Begun, Seat, Settler};
use crate::batch::{Batcher, Round, Size};
use crate::tasks::TaskGroup;

/// Payments in one statement, and statements at once.
const SALES: Size = Size {
    pieces: 100,
    rounds: 1,
};
/// Deliveries in one statement.
const DELIVERIES: Size = Size {
    pieces: 50,
    rounds: 1,
};
/// Answers of more bytes are recorded alone.
const LARGE: usize = 256 * 1024;
/// The lease of payments that nobody here begins; it is not used.
const NO_LEASE: Duration = Duration::from_secs(1);

type Reply<'a, T> = BoxFuture<'a, Result<T, BookError>>;

/// The ledger.
pub struct BatchingBook {
    book: Arc<dyn Book>,
    sales: Batcher<Sales>,
    claims: Batcher<Claims>,
    answers: Batcher<Answers>,
}

impl BatchingBook {
    /// Over these two sides of one ledger. `settler`: the one of this process, if it has one. Statements run as
    /// tasks of the group.
    pub fn new(
        book: Arc<dyn Book>,
        batch_book: Arc<dyn BatchBook>,
        settler: Option<Arc<dyn Settler>>,
        tasks: &TaskGroup,
    ) -> Self {
        let sales = Sales {
            batch_book: batch_book.clone(),
            settler,
        };
        Self {
            book,
            sales: Batcher::new(sales, SALES, tasks.clone()),
            claims: Batcher::new(Claims(batch_book.clone()), DELIVERIES, tasks.clone()),
            answers: Batcher::new(Answers(batch_book), DELIVERIES, tasks.clone()),
        }
    }

    /// Records a payment with others; `None`: it must be asked about alone.
    async fn enter(&self, entry: &Entry, how: How) -> Result<Option<Sale>, BookError> {
        // A signature that only the facilitator could check, or a text that the database cannot hold.
        if entry.verified || has_nul(&entry.payment) {
            return Ok(None);
        }
        self.sales
            .ask((entry.clone(), how))
            .await
            .unwrap_or_else(stopping)
    }
}

/// Whether some text holds a NUL, for which the database would refuse the whole statement.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn stopping<T>() -> Result<T, BookError> {
    Err(BookError::Unsure("the sidecar is stopping".to_owned()))
}

/// Recording payments.
struct Sales {
    batch_book: Arc<dyn BatchBook>,
    settler: Option<Arc<dyn Settler>>,
}

impl Sales {
    async fn enter(&self, pieces: Vec<(Entry, How)>) -> Vec<Result<Option<Sale>, BookError>> {
        let wanted = pieces.iter().filter(|(_, how)| !how.is_held()).count();
        let (mut seats, lease) = match &self.settler {
            Some(settler) => (settler.seats(wanted), settler.lease()),
            None => (Vec::new(), NO_LEASE),
        };
        let mut free = seats.len();
        let sales: Vec<NewSale> = pieces
            .into_iter()
            .map(|(entry, how)| {
                let begin = free > 0 && !how.is_held();
                free -= usize::from(begin);
                NewSale { entry, how, begin }
            })
            .collect();
        let at = Instant::now();
        match self.batch_book.enter(&sales, lease).await {
            Ok(entered) => sales
                .into_iter()
                .zip(entered)
                .map(|(sale, entered)| Ok(entered.map(|entered| begin(sale.entry, entered, &mut seats, at))))
                .collect(),
            Err(error @ BookError::Unavailable(_)) => sales.iter().map(|_| Err(error.clone())).collect(),
            // One payment may have spoilt it for all; and what is recorded is found.
            Err(_) => sales.iter().map(|_| Ok(None)).collect(),
        }
    }
}

/// Sends what was recorded to be sent. Its seat was there when it was asked for.
fn begin(entry: Entry, entered: Entered, seats: &mut Vec<Box<dyn Seat>>, at: Instant) -> Sale {
    if let Some(token) = entered.begun
        && let Some(seat) = seats.pop()
    {
        seat.begin(Begun {
            id: entered.sale.id,
            token,
            payment: entry.payment,
            requirements: entry.requirements,
            at_unix: entered.at_unix,
            at,
        });
    }
    entered.sale
}

impl Round for Sales {
    type Piece = (Entry, How);
    type Answer = Result<Option<Sale>, BookError>;

    fn run(&self, pieces: Vec<Self::Piece>) -> BoxFuture<'_, Vec<Self::Answer>> {
        self.enter(pieces).boxed()
    }
}

/// Claiming deliveries.
struct Claims(Arc<dyn BatchBook>);

impl Claims {
    async fn claim(&self, claims: &[DeliveryClaim]) -> Vec<Result<Claimed, BookError>> {
        match self.0.claim_all(claims).await {
            Ok(claimed) => claimed,
            Err(error) => claims.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

impl Round for Claims {
    type Piece = DeliveryClaim;
    type Answer = Result<Claimed, BookError>;

    fn run(&self, claims: Vec<DeliveryClaim>) -> BoxFuture<'_, Vec<Self::Answer>> {
        async move { self.claim(&claims).await }.boxed()
    }
}

/// Recording answers.
struct Answers(Arc<dyn BatchBook>);

impl Answers {
    async fn record(&self, answers: &[DeliveryAnswer]) -> Vec<Result<bool, BookError>> {
        match self.0.answer_all(answers).await {
            Ok(held) => held.into_iter().map(Ok).collect(),
            Err(error) => answers.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

impl Round for Answers {
    type Piece = DeliveryAnswer;
    type Answer = Result<bool, BookError>;

    fn run(&self, answers: Vec<DeliveryAnswer>) -> BoxFuture<'_, Vec<Self::Answer>> {
        async move { self.record(&answers).await }.boxed()
    }
}

impl Book for BatchingBook {
    fn submit<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Sale> {
        async move {
            match self.enter(entry, How::Submit).await? {
                Some(sale) => Ok(sale),
                None => self.book.submit(entry).await,
            }
        }
        .boxed()
    }

    fn sell<'a>(&'a self, entry: &'a Entry, terms: Terms) -> Reply<'a, Sale> {
        async move {
            match self.enter(entry, How::Sell(terms)).await? {
                Some(sale) => Ok(sale),
                None => self.book.sell(entry, terms).await,
            }
        }
        .boxed()
    }

    fn is_recorded<'a>(&'a self, entry: &'a Entry) -> Reply<'a, bool> {
        self.book.is_recorded(entry)
    }

    fn sale(&self, id: Uuid) -> Reply<'_, Option<Sale>> {
        self.book.sale(id)
    }

    fn examine<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Examined> {
        self.book.examine(entry)
    }

    fn claim(&self, id: Uuid, lease: Duration, settled_only: bool) -> Reply<'_, Claimed> {
        let claim = DeliveryClaim {
            id,
            lease,
            settled_only,
        };
        async move {
            match self.claims.ask(claim).await.unwrap_or_else(stopping) {
                // It may be another's fault.
                Err(BookError::Refused { .. }) => self.book.claim(id, lease, settled_only).await,
                claimed => claimed,
            }
        }
        .boxed()
    }

    fn extend(&self, id: Uuid, token: i64, lease: Duration) -> Reply<'_, bool> {
        self.book.extend(id, token, lease)
    }

    fn answer<'a>(&'a self, id: Uuid, token: i64, answer: &'a Answer) -> Reply<'a, bool> {
        async move {
            if answer.body.as_ref().is_some_and(|body| body.len() > LARGE) {
                return self.book.answer(id, token, answer).await;
            }
            let recorded = DeliveryAnswer {
                id,
                token,
                answer: answer.clone(),
            };
            match self.answers.ask(recorded).await.unwrap_or_else(stopping) {
                Err(BookError::Refused { .. }) => self.book.answer(id, token, answer).await,
                answered => answered,
            }
        }
        .boxed()
    }

    fn settle_now(&self, id: Uuid) -> Reply<'_, bool> {
        self.book.settle_now(id)
    }

    fn mark_delivered(&self, id: Uuid) -> Reply<'_, bool> {
        self.book.mark_delivered(id)
    }

    fn abandon(&self, id: Uuid, token: i64, interrupted: bool) -> Reply<'_, bool> {
        self.book.abandon(id, token, interrupted)
    }

    fn purge(&self) -> Reply<'_, u64> {
        self.book.purge()
    }

    fn vouched(&self) -> Reply<'_, Vec<VouchedToken>> {
        self.book.vouched()
    }
}
