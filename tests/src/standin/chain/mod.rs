//! A small EVM chain: enough of one that settlement, reorganisation, finality and the logs a
//! reconciler reads behave as on X Layer, and no more.
//!
//! The chain is the source of truth of every end-to-end test: "was the buyer charged once?" is asked
//! here, never of the facilitator's answers. Tokens follow Circle's FiatToken v2 (EIP-3009): strict
//! time bounds, a nonce burns once, and `AuthorizationUsed` is logged right before its `Transfer`.

mod block;
mod clock;
mod inspect;
mod ledger;
mod logs;
mod produce;
mod reorg;
mod state;
#[cfg(test)]
mod tests;
mod token;
mod tx;

pub use block::{Block, Tag};
pub use clock::ChainClock;
pub use inspect::TransferSeen;
pub use ledger::{Ledger, NonceState, Revert};
pub use logs::{Log, LogFilter, TOPIC_CANCELED, TOPIC_TRANSFER, TOPIC_USED};
pub use reorg::Orphans;
pub use state::{Chain, Timing};
pub use token::Token;
pub use tx::{Action, Receipt, Tx};
