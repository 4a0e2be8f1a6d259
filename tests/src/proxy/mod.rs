//! A TCP proxy that a test puts between a sidecar and its database, or its facilitator.
//!
//! It passes bytes on, late, twice or not at all, stops a conversation at a statement (before the server
//! has it, or before the client has its answer), and cuts or half-closes connections. What is stopped can
//! be let go, however late: that is how a dead or replaced worker's write arrives after all.

mod connection;
mod handle;
mod rules;
#[cfg(test)]
mod tests;

pub use handle::Proxy;
pub use rules::{Mode, Point, Side};
