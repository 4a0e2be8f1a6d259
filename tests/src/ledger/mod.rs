//! The ledger as the tests read and write it, through the SQL that users and sidecars have.

mod row;
mod submit;
mod watch;

pub use row::{Event, Row, events, row};
pub use submit::{Refused, submit};
pub use watch::Watch;
