//! What a chain's answers prove about a payment. Everything here is pure: answers come in as JSON or as typed
//! observations, a decision goes out; asking the chain is somebody else's work.
//!
//! The rules, in short. A payment is proven by a receipt with status 1, in a block the chain still has, that holds
//! `AuthorizationUsed(from, nonce)` of the token and, paired with it in log order, `Transfer(from, payTo, value)`
//! of the same token. It is disproven only by the token saying that the nonce is unused in a block that is final
//! and not older than `validBefore`. Everything else waits: no absence of an answer ever closes a payment.

mod block;
mod decide;
mod event;
mod facts;
mod finding;
mod json;
mod log;
mod pairing;
mod proof;
mod receipt;
mod seen;
mod unproven;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use block::{Block, Finality, Heads, UnknownFinality};
pub use decide::{Decision, decide};
pub use event::{AUTHORIZATION_CANCELED, AUTHORIZATION_USED, Event, TRANSFER};
pub use facts::{PaymentFacts, Recorded, Rules};
pub use json::{Malformed, bytes32_result, hex_quantity, state_result};
pub use log::Log;
pub use pairing::{Incoming, Pair, Trace, incoming, pairs, trace};
pub use proof::{Oddity, Place, Proof, Wait};
pub use receipt::Receipt;
pub use seen::{FinalReading, Named, Observations, Sighting, View};
