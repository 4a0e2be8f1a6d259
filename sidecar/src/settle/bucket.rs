use std::time::Duration;

use futures_util::future::BoxFuture;

use super::LedgerError;

/// What a bucket gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// Tokens, at most as many as wanted.
    pub tokens: usize,
    /// Time until one may be had, where none was.
    pub wait: Duration,
}

/// Requests that may be sent, counted for all sidecars of a database together. Each call is one short
/// statement.
pub trait Bucket: Send + Sync {
    /// Takes up to `wanted` tokens.
    fn take(&self, wanted: usize) -> BoxFuture<'_, Result<Granted, LedgerError>>;

    /// Puts tokens back that were not used.
    fn give_back(&self, unused: usize) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Gives out none for a while, to nobody.
    fn hold(&self, pause: Duration) -> BoxFuture<'_, Result<(), LedgerError>>;
}
