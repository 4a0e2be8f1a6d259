//! The ledger, as a seller needs it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Network, VouchedToken};
use serde_json::Value;
use uuid::Uuid;

/// Why the ledger did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// It refuses these very values; `reason` is the x402 word for why.
    #[error("{message}")]
    Refused {
        /// SQLSTATE.
        sqlstate: String,
        /// The reason's word on the wire.
        reason: String,
        /// The sentence that goes with it.
        message: String,
    },
    /// It could not be asked; nothing was written.
    #[error("{0}")]
    Unavailable(String),
    /// The answer was lost: what was asked may have been done.
    #[error("{0}")]
    Unsure(String),
}

impl BookError {
    /// Whether the payer has too many payments that are not settled.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Refused { sqlstate, .. } if sqlstate == "X4301")
    }
}

/// How a payment is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Somebody else delivers.
    Submit,
    /// It is delivered here.
    Sell(Terms),
}

impl How {
    /// Whether it is not to be settled before the answer is there.
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Sell(Terms { hold: true, .. }))
    }
}

/// On what terms something is sold that is delivered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Not to be settled before the answer is there.
    pub hold: bool,
    /// Unsettled payments of one payer; `None`: any number.
    pub max_unsettled: Option<u32>,
    /// How long the delivery is claimed for in the statement that records the payment. [`Book::sell`] alone may leave it
    /// open; `None`: it stays open.
    pub claim: Option<Duration>,
}

/// A payment to be recorded, with what it is for.
#[derive(Clone)]
pub struct Entry {
    /// The buyer's message.
    pub payment: Value,
    /// The seller's own requirements.
    pub requirements: Value,
    /// What is paid for.
    pub resource: String,
    /// HTTP method, where the seller knows it.
    pub method: Option<String>,
    /// SHA-256 of the request's body, lower-case hex.
    pub body_sha256: Option<String>,
    /// Whether a signature that only the chain can check was checked by the facilitator.
    pub verified: bool,
}

/// Where a payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The ledger's id.
    pub id: Uuid,
    /// The payment's status.
    pub status: Status,
    /// Transaction hash, if one is known.
    pub tx_hash: Option<String>,
    /// The payer, lower case.
    pub payer: String,
    /// Chain.
    pub network: Option<Network>,
    /// The facilitator's words where it refused.
    pub error_reason: Option<String>,
    /// Whether somebody delivers or has delivered.
    pub delivery: Delivery,
}

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing is delivered here for this payment.
    None,
    /// Nobody is at it.
    Open,
    /// Somebody gets the answer, or will once it is paid.
    Claimed,
    /// It was claimed for whoever has just recorded the payment; every later call names this token.
    Ours(i64),
    /// The answer is there.
    Answered,
}

/// What the database says of a payment that is not recorded by looking at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// `None`: valid, or nothing but its signature is open. Else the reason's word and sentence.
    pub refusal: Option<(String, String)>,
    /// Whether its signature can only be checked by the facilitator.
    pub indeterminate: bool,
    /// The payer, if the payment could be read.
    pub payer: Option<String>,
    /// The status it has, if it is recorded.
    pub status: Option<Status>,
    /// Time since it was delivered, or since somebody was first told that it settled.
    pub delivered_for: Option<Duration>,
}

/// What became of a claim of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours; every later call names this token.
    Ours(i64),
    /// Somebody else is at it, for as long as this unless it ends before.
    Busy(Duration),
    /// The answer is there; `None` where it is not kept (any more).
    Answered(Option<Kept>),
    /// The payment is not settled.
    Unpaid(Status),
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// HTTP status.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer to be recorded.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body, unless it is too large to keep.
    pub body: Option<Vec<u8>>,
    /// How long it is kept.
    pub keep: Duration,
    /// It goes out now; else it waits for the payment to settle, which may begin.
    pub delivered: bool,
}

/// A payment among many that are to be recorded.
pub struct NewSale {
    /// What.
    pub entry: Entry,
    /// How.
    pub how: How,
    /// Whether this process calls the facilitator for it at once: its intent is recorded as well.
    pub begin: bool,
}

/// One that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Where it stands.
    pub sale: Sale,
    /// The lease's token, where its intent was recorded.
    pub begun: Option<i64>,
    /// When, by the database's clock in unix seconds.
    pub at_unix: u64,
}

type Reply<'a, T> = BoxFuture<'a, Result<T, BookError>>;

/// A delivery to be claimed.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryClaim {
    /// The payment.
    pub id: Uuid,
    /// How long the claim holds.
    pub lease: Duration,
    /// Not before the payment is settled.
    pub settled_only: bool,
}

/// The answer of a claimed delivery.
#[derive(Debug, Clone)]
pub struct DeliveryAnswer {
    /// The payment.
    pub id: Uuid,
    /// The claim's token.
    pub token: i64,
    /// What is recorded.
    pub answer: Answer,
}

/// The database, for many at once. Each call is one statement and one commit; the answers are in the order of
/// what was asked. [`BookError::Refused`]: nothing was written, because of one of them perhaps; each can be asked about
/// alone.
pub trait BatchBook: Send + Sync {
    /// Records those that are new and valid beyond doubt, under leases of that length where their intent is
    /// recorded too. `None`: [`Book`] must be asked, which says what it is about this one.
    fn enter<'a>(&'a self, sales: &'a [NewSale], lease: Duration) -> Reply<'a, Vec<Option<Entered>>>;

    /// Claims deliveries.
    fn claim_all<'a>(&'a self, claims: &'a [DeliveryClaim]) -> Reply<'a, Vec<Result<Claimed, BookError>>>;

    /// Records answers; whether each claim was still ours.
    fn answer_all<'a>(&'a self, answers: &'a [DeliveryAnswer]) -> Reply<'a, Vec<bool>>;
}

/// The database. What a call writes is committed when it returns.
pub trait Book: Send + Sync {
    /// Records a payment, or finds it again.
    fn submit<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Sale>;

    /// The same for something that is delivered here.
    fn sell<'a>(&'a self, entry: &'a Entry, terms: Terms) -> Reply<'a, Sale>;

    /// Whether this very payload, signature and all, is recorded.
    fn is_recorded<'a>(&'a self, entry: &'a Entry) -> Reply<'a, bool>;

    /// Where the payment stands.
    fn sale(&self, id: Uuid) -> Reply<'_, Option<Sale>>;

    /// Judges a payment without recording it.
    fn examine<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Examined>;

    /// Claims a delivery for so long. `settled_only`: not before the payment is settled.
    fn claim(&self, id: Uuid, lease: Duration, settled_only: bool) -> Reply<'_, Claimed>;

    /// Prolongs a claim; whether it was still ours.
    fn extend(&self, id: Uuid, token: i64, lease: Duration) -> Reply<'_, bool>;

    /// Records the answer; whether the claim was still ours.
    fn answer<'a>(&'a self, id: Uuid, token: i64, answer: &'a Answer) -> Reply<'a, bool>;

    /// Lets a held payment be settled, whose answer is too large to be recorded first.
    fn settle_now(&self, id: Uuid) -> Reply<'_, bool>;

    /// Notes that the answer goes out; true the first time.
    fn mark_delivered(&self, id: Uuid) -> Reply<'_, bool>;

    /// Hands a claim back. `interrupted`: the buyer broke off an answer too large to keep.
    fn abandon(&self, id: Uuid, token: i64, interrupted: bool) -> Reply<'_, bool>;

    /// Forgets answers that were kept long enough; how many.
    fn purge(&self) -> Reply<'_, u64>;

    /// Tokens that the operator vouches for.
    fn vouched(&self) -> Reply<'_, Vec<VouchedToken>>;
}
