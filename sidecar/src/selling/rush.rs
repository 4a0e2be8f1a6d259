//! A ledger for many buyers at once: what they ask for together goes in one statement, and payments that can be
//! sent at once are recorded together with their intent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::x402::VouchedToken;
use tokio::time::Instant;
use uuid::Uuid;

use super::book::{Answer, Book, BookError, Claimed, Entered, Entry, Examined, How, Order, Sale, Volume};
use super::settler::{Begun, Seat, Settler};
use crate::batch::{Batcher, Round, Size};
use crate::tasks::TaskGroup;

/// Payments in one statement, and statements at once.
const SALES: Size = Size {
    pieces: 100,
    rounds: 1,
};
/// Deliveries in one statement. Each answer may be a megabyte.
const DELIVERIES: Size = Size {
    pieces: 50,
    rounds: 1,
};
/// The lease of payments that nobody here begins; it is not used.
const NO_LEASE: Duration = Duration::from_secs(1);

type Reply<'a, T> = BoxFuture<'a, Result<T, BookError>>;

/// The ledger.
pub struct Rush {
    book: Arc<dyn Book>,
    sales: Batcher<Sales>,
    claims: Batcher<Claims>,
    answers: Batcher<Answers>,
}

impl Rush {
    /// Over these two sides of one ledger. `settler`: the one of this process, if it has one. Statements run as
    /// tasks of the group.
    pub fn new(
        book: Arc<dyn Book>,
        volume: Arc<dyn Volume>,
        settler: Option<Arc<dyn Settler>>,
        tasks: &TaskGroup,
    ) -> Self {
        let sales = Sales {
            volume: volume.clone(),
            settler,
        };
        Self {
            book,
            sales: Batcher::new(sales, SALES, tasks.clone()),
            claims: Batcher::new(Claims(volume.clone()), DELIVERIES, tasks.clone()),
            answers: Batcher::new(Answers(volume), DELIVERIES, tasks.clone()),
        }
    }

    /// Records a payment with others; `None`: it must be asked about alone.
    async fn enter(&self, entry: &Entry, how: How) -> Result<Option<Sale>, BookError> {
        // Rare: a signature that only the facilitator could check.
        if entry.verified {
            return Ok(None);
        }
        self.sales
            .ask((entry.clone(), how))
            .await
            .unwrap_or_else(stopping)
    }
}

fn stopping<T>() -> Result<T, BookError> {
    Err(BookError::Unsure("the sidecar is stopping".to_owned()))
}

/// Recording payments.
struct Sales {
    volume: Arc<dyn Volume>,
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
        let orders: Vec<Order> = pieces
            .into_iter()
            .map(|(entry, how)| {
                let begin = free > 0 && !how.is_held();
                free -= usize::from(begin);
                Order { entry, how, begin }
            })
            .collect();
        let at = Instant::now();
        match self.volume.enter(&orders, lease).await {
            Ok(entered) => orders
                .into_iter()
                .zip(entered)
                .map(|(order, entered)| {
                    Ok(entered.map(|entered| settle(order.entry, entered, &mut seats, at)))
                })
                .collect(),
            Err(error @ BookError::Unavailable(_)) => orders.iter().map(|_| Err(error.clone())).collect(),
            // One payment may have spoilt it for all; and what is recorded is found.
            Err(_) => orders.iter().map(|_| Ok(None)).collect(),
        }
    }
}

/// Sends what was recorded to be sent. Its seat was there when it was asked for.
fn settle(entry: Entry, entered: Entered, seats: &mut Vec<Box<dyn Seat>>, at: Instant) -> Sale {
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
struct Claims(Arc<dyn Volume>);

impl Round for Claims {
    type Piece = (Uuid, Duration, bool);
    type Answer = Result<Claimed, BookError>;

    fn run(&self, claims: Vec<Self::Piece>) -> BoxFuture<'_, Vec<Self::Answer>> {
        async move { each(self.0.claim_all(&claims).await, claims.len()) }.boxed()
    }
}

/// Recording answers.
struct Answers(Arc<dyn Volume>);

impl Round for Answers {
    type Piece = (Uuid, i64, Answer);
    type Answer = Result<bool, BookError>;

    fn run(&self, answers: Vec<Self::Piece>) -> BoxFuture<'_, Vec<Self::Answer>> {
        async move {
            match self.0.answer_all(&answers).await {
                Err(BookError::Refused { .. }) if answers.len() > 1 => {
                    // One answer that cannot be stored must not take the others along.
                    let mut alone = Vec::new();
                    for one in &answers {
                        let answered = self.0.answer_all(std::slice::from_ref(one)).await;
                        alone.extend(each(answered, 1));
                    }
                    alone
                }
                answered => each(answered, answers.len()),
            }
        }
        .boxed()
    }
}

/// What became of all, as the answer of each.
fn each<T>(answers: Result<Vec<T>, BookError>, asked: usize) -> Vec<Result<T, BookError>> {
    match answers {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) => (0..asked).map(|_| Err(error.clone())).collect(),
    }
}

impl Book for Rush {
    fn submit<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Sale> {
        async move {
            match self.enter(entry, How::Submit).await? {
                Some(sale) => Ok(sale),
                None => self.book.submit(entry).await,
            }
        }
        .boxed()
    }

    fn sell<'a>(&'a self, entry: &'a Entry, hold: bool, max_unsettled: Option<u32>) -> Reply<'a, Sale> {
        async move {
            match self.enter(entry, How::Sell { hold, max_unsettled }).await? {
                Some(sale) => Ok(sale),
                None => self.book.sell(entry, hold, max_unsettled).await,
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
        async move {
            let claimed = self.claims.ask((id, lease, settled_only)).await;
            claimed.unwrap_or_else(stopping)
        }
        .boxed()
    }

    fn extend(&self, id: Uuid, token: i64, lease: Duration) -> Reply<'_, bool> {
        self.book.extend(id, token, lease)
    }

    fn answer<'a>(&'a self, id: Uuid, token: i64, answer: &'a Answer) -> Reply<'a, bool> {
        async move {
            let answered = self.answers.ask((id, token, answer.clone())).await;
            answered.unwrap_or_else(stopping)
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
