//! The gateway over real sockets, with a ledger in memory and an upstream that does what a test says.

mod challenge;
mod claims;
mod handle_first;
mod harness;
mod proxy;
mod purchase;
mod smuggling;
mod streams;
