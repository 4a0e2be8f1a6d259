//! Identity, row-level security and the x402 payment ledger, as a Postgres extension.
//!
//! Functions here are thin: rules live in `insforge_protocol`, tables and state functions in `sql/`.

mod identity;
mod payments;
mod schema;
mod session;

::pgrx::pg_module_magic!();

#[cfg(any(test, feature = "pg_test"))]
pub mod pg_test;
