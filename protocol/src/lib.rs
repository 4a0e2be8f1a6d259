//! The pure rules of `insforge_integrations`: no I/O, no clock, no randomness, no async, no pgrx.
//!
//! The extension and the sidecar both decide by these rules, so that a payment or a token is judged
//! the same way wherever it is looked at. Time is always an argument.

pub mod asset;
pub mod claims;
pub mod contract;
pub mod evidence;
pub mod evm;
pub mod judge;
pub mod jwt;
pub mod ledger;
pub mod okx;
pub mod x402;
