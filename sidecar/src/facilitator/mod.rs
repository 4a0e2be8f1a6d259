//! Whoever settles payments: OKX over HTTP, or nobody in mock mode. No database here.

mod call;
mod limit;
mod mock;
mod okx;
mod tokens;

#[cfg(test)]
mod limit_tests;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::future::BoxFuture;
use insforge_protocol::okx::{HashStatus, Kind, NoAnswer, Settlement, VerifyAnswer};
use insforge_protocol::x402::{Payment, Requirements};
use uuid::Uuid;

pub use call::{CallError, HttpCaller};
pub use limit::Limiter;
pub use mock::Mock;
pub use okx::Okx;

/// A facilitator. A settlement has more than two outcomes, and none of them is an error of ours: what
/// happened on the call is part of the answer.
pub trait Facilitator: Send + Sync {
    /// Settles a payment. `proven` says whether its signature was checked offline; `id` is the ledger's.
    fn settle<'a>(
        &'a self,
        id: Uuid,
        payment: &'a Payment,
        requirements: &'a Requirements,
        proven: bool,
    ) -> BoxFuture<'a, Settlement>;

    /// What became of a transaction that the facilitator named; `None` where it cannot be asked.
    fn status<'a>(&'a self, payment: &'a Payment, hash: &'a str) -> BoxFuture<'a, Option<HashStatus>>;

    /// Whether a payment would settle now, in particular one whose signature only the chain can check; `None`
    /// where it cannot be asked.
    fn verify<'a>(
        &'a self,
        _payment: &'a Payment,
        _requirements: &'a Requirements,
    ) -> BoxFuture<'a, Option<VerifyAnswer>> {
        Box::pin(std::future::ready(None))
    }

    /// What it settles. Also the cheapest question that shows whether our credentials are taken.
    fn supported(&self) -> BoxFuture<'_, Result<Vec<Kind>, NoAnswer>>;

    /// Whether nothing is settled in truth.
    fn is_mock(&self) -> bool;

    /// How far our clock was found to be behind the facilitator's, in milliseconds.
    fn clock_offset_ms(&self) -> i64 {
        0
    }
}

/// Longest body that is read; answers are below 2 KiB.
pub(crate) const BODY_CAP: usize = 256 * 1024;
/// Idle connections are closed before any server does it: a request that meets a closing connection has
/// an unknown outcome.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
