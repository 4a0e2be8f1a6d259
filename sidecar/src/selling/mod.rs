//! Selling over HTTP: the sidecar as an x402 facilitator, and the gateway in front of endpoints. What an
//! answer is, is decided in pure functions; the database is behind [`Book`].

mod batching;
#[cfg(test)]
mod batching_tests;
mod book;
pub mod facilitator_api;
#[cfg(test)]
pub(crate) mod fake;
pub mod gateway;
mod outcomes;
mod patient;
pub mod serve;
mod settler;
pub mod stock;
mod till;
mod verifier;

pub use batching::BatchingBook;
pub use book::{
    Answer, BatchBook, Book, BookError, Claimed, Delivery, DeliveryAnswer, DeliveryClaim, Entered, Entry,
    Examined, How, Kept, NewSale, Sale, Terms,
};
pub use outcomes::{Change, Outcomes, Ticket};
pub use settler::{Begun, Seat, Settler};
pub use till::{Till, is_known};
pub use verifier::{Verdict, Verifier};
