//! What to do with a claimed payment, and what to record of a call: decisions only, no I/O.

pub mod backoff;
mod bucket;
mod decide;
mod ledger;
mod model;
mod report;
mod witness;

#[cfg(test)]
pub(crate) mod fixture;

pub use bucket::{Bucket, Granted};
pub use decide::{Decision, Order, decide, decide_judged};
pub use ledger::{Ledger, LedgerError, Recorded};
pub use model::{Claim, Lease};
pub use report::{Placed, Report, Situation};
pub use witness::{Believer, Witness};
