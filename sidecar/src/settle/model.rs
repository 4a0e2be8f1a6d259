use std::fmt;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

/// The right to work on a payment: its id and the fencing token of the claim. Every write names both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The payment.
    pub id: Uuid,
    /// Rises with each claim.
    pub token: i64,
}

/// A claimed payment.
#[derive(Clone)]
pub struct Claim {
    /// Our right to it.
    pub lease: Lease,
    /// Status when it was claimed; `settling` is never seen here, the claim makes it `unknown`.
    pub status: Status,
    /// Whether the ledger found it valid, and recorded the intent to settle it with the claim.
    pub begun: bool,
    /// Intents before this claim.
    pub attempt: u32,
    /// Whether an attempt ended unknown: refusals prove nothing any more.
    pub uncertain: bool,
    /// Transaction named so far.
    pub tx_hash: Option<String>,
    /// What the buyer sent. Holds the signature.
    pub payment: Value,
    /// What the seller asks.
    pub requirements: Value,
    /// When it was recorded, by the database's clock in unix seconds.
    pub created_unix: u64,
    /// Since when it has its status, by the same clock.
    pub since_unix: u64,
    /// The database's clock when it was claimed, unix seconds.
    pub now_unix: u64,
    /// Our monotonic clock just before the claim was asked for.
    pub claimed_at: Instant,
}

impl Claim {
    /// The database's time now, judged by our monotonic clock: wall clocks of workers may be wrong by
    /// minutes. Less than a second early at most, because the database cuts its fraction off.
    pub fn now(&self) -> u64 {
        self.now_unix + self.elapsed().as_secs()
    }

    /// Time since the claim was asked for.
    pub fn elapsed(&self) -> Duration {
        self.claimed_at.elapsed()
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("lease", &self.lease)
            .field("status", &self.status)
            .field("attempt", &self.attempt)
            .field("uncertain", &self.uncertain)
            .finish_non_exhaustive()
    }
}
