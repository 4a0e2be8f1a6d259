//! A session verified in the database: `insforge.login()`, for connections that can set any variable.
//!
//! The verified identity is kept in the setting `insforge.session`, which takes a value from
//! `insforge.login()` only. A setting and not a variable of ours, because Postgres then sees to the rest:
//! it goes back when the transaction or a savepoint does, ends with `DISCARD ALL` and `RESET ALL`, and is
//! the same in parallel workers, which share no memory with the session.

mod functions;
mod guard;
mod login;
mod providers;
mod refusal;
mod setting;
mod standing;
mod state;

#[cfg(any(test, feature = "pg_test"))]
mod tests;

pub(crate) use standing::{cached_subject, decides, fresh_subject, with_claims};
