use std::time::Duration;

use futures_util::future::BoxFuture;
use insforge_protocol::okx::HashStatus;

use super::case::Case;
use crate::settle::Report;
use crate::worker::Flight;

/// The way to the facilitator: whoever implements it keeps to the request limit, to the gate, and to the order
/// "intent first, then the call".
pub trait Courier: Send + Sync {
    /// What the facilitator says of a transaction; `None` where it cannot be asked, or not now.
    fn status<'a>(&'a self, case: &'a Case, hash: &'a str) -> BoxFuture<'a, Option<HashStatus>>;

    /// Sends the identical payment again.
    fn send<'a>(&'a self, case: &'a Case, flight: &'a Flight) -> BoxFuture<'a, Sent>;

    /// Whether nothing is settled in truth.
    fn is_mock(&self) -> bool;
}

/// What became of sending a payment again.
#[derive(Debug)]
pub enum Sent {
    /// It was sent, or an intent was committed: this is to be recorded.
    Answered(Box<Report>),
    /// Nothing was sent and no intent committed: the facilitator is not to be called now.
    NotNow(Duration),
    /// The lease is lost; nothing was sent and nothing is to be recorded.
    Lost,
}
