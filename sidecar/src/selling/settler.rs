//! The settler of this process, as far as a sale needs it.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

/// A payment whose intent was recorded with its sale.
pub struct Begun {
    /// The payment.
    pub id: Uuid,
    /// The lease's token.
    pub token: i64,
    /// What the buyer sent.
    pub payment: Value,
    /// What the seller asks.
    pub requirements: Value,
    /// The database's clock when it was recorded, unix seconds.
    pub at_unix: u64,
    /// Our monotonic clock just before.
    pub at: Instant,
}

/// Settles payments.
pub trait Settler: Send + Sync {
    /// Places for up to `most` payments that can be sent at once. None where payments have to wait: for a place,
    /// for the request limit, or for the facilitator to work again. They are found in the queue then.
    fn seats(&self, most: usize) -> Vec<Box<dyn Seat>>;

    /// How long a lease holds.
    fn lease(&self) -> Duration;
}

/// A place for one payment; dropping it makes it free again.
pub trait Seat: Send {
    /// Sends the payment.
    fn begin(self: Box<Self>, begun: Begun);
}
