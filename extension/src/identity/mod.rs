//! Who is asking: `request.jwt.claims`, read fail-closed and cached by its exact bytes, unless a login
//! (`crate::session`) says so.

mod cache;
mod functions;
mod setting;
mod subject;
#[cfg(any(test, feature = "pg_test"))]
mod tests;

pub(crate) use cache::{Backend, can_be_spelt, current_transaction, with_claims};
