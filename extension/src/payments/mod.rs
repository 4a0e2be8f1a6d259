//! Payments: the protocol's rules as SQL functions. Tables and state functions are in `sql/ledger`.

mod challenge;
mod doorbell;
mod drop_guard;
mod header;
mod names;
mod next_status;
mod selling;
mod signing;
mod spelling;
#[cfg(any(test, feature = "pg_test"))]
mod tests;
mod transitions;
mod verify;
