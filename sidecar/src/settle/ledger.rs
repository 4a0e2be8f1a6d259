use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use insforge_protocol::asset::VouchedDomain;
use uuid::Uuid;

use super::{Claim, Lease, Report};

/// Why the ledger did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be reached or cannot write at present. The same call may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// It refuses these very values. The same call will be refused again.
    #[error("{0}")]
    Refused(String),
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The payment.
    pub id: Uuid,
    /// The status it has now.
    pub status: String,
    /// `false`: the lease was lost, nothing was changed.
    pub applied: bool,
}

type Answer<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

/// The database, as the worker needs it. Each call is one statement and one commit.
pub trait Ledger: Send + Sync {
    /// Claims up to `batch` due payments, nearest expiry first. `begin`, for payments that were never sent: with the
    /// intents of those that the ledger finds valid. They come back begun; nothing is committed for the others.
    fn claim(&self, batch: usize, begin: bool) -> Answer<'_, Vec<Claim>>;

    /// Records the intent to settle and commits it; returns the payments whose lease still held.
    fn begin<'a>(&'a self, leases: &'a [Lease]) -> Answer<'a, HashSet<Uuid>>;

    /// Records outcomes. A payment must not be named twice in one call.
    fn finish<'a>(&'a self, reports: &'a [Report]) -> Answer<'a, Vec<Recorded>>;

    /// Prolongs leases; returns the payments whose lease still held. Uses a connection of its own, so that
    /// busy work cannot starve it.
    fn extend<'a>(&'a self, leases: &'a [Lease]) -> Answer<'a, HashSet<Uuid>>;

    /// Hands back claims for which nothing was sent.
    fn release<'a>(&'a self, leases: &'a [Lease]) -> Answer<'a, ()>;

    /// Time until the next payment is due; `None` when nothing waits.
    fn next_due(&self) -> Answer<'_, Option<Duration>>;

    /// Token domains that the operator vouches for.
    fn vouched(&self) -> Answer<'_, Vec<VouchedDomain>>;
}
