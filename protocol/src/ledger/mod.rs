//! The states of a payment and the moves between them.
//!
//! `docs/state-machine.md` is drawn from [`TRANSITIONS`]; the extension's guard trigger reads it, so
//! that SQL and Rust cannot disagree.

mod next_status;
mod spelling;
mod status;
mod transition;

pub use next_status::{Reported, Word, next_status, seen_status};
pub use spelling::{Identity, is_bytes32};
pub use status::{Status, UnknownStatus};
pub use transition::{TRANSITIONS, Transition, is_allowed};
