//! A buyer with a throw-away key: signs EIP-3009 authorizations for an offer and writes them as the x402
//! messages that clients send, and spoils them in every way that clients or thieves do.
//!
//! Messages are put together by hand rather than by the protocol crate: a test must not read its own mistake.

mod key;
mod message;
mod offer;
mod signed;
mod spoil;
#[cfg(test)]
mod tests;

pub use key::{Buyer, unix_now};
pub use message::Form;
pub use offer::Offer;
pub use signed::Signed;
