//! Selling over HTTP: the sidecar as an x402 facilitator, and the gateway in front of endpoints. What an
//! answer is, is decided in pure functions; the database is behind [`Book`].

mod book;
pub mod facilitator_api;
#[cfg(test)]
pub(crate) mod fake;
pub mod gateway;
mod outcomes;
mod patient;
mod rush;
#[cfg(test)]
mod rush_tests;
pub mod serve;
mod settler;
pub mod stock;
mod till;
mod verifier;

pub use book::{
    Answer, Book, BookError, Claimed, Delivery, Entered, Entry, Examined, How, Kept, Order, Sale, Volume,
};
pub use outcomes::{Change, Outcomes, Ticket};
pub use rush::Rush;
pub use settler::{Begun, Seat, Settler};
pub use till::{Till, is_known};
pub use verifier::{Verdict, Verifier};
