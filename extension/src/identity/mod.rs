//! Who is asking: `request.jwt.claims`, read fail-closed and cached by its exact bytes.

mod cache;
mod functions;
mod setting;
mod subject;
#[cfg(any(test, feature = "pg_test"))]
mod tests;
