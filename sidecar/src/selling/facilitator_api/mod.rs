//! The sidecar as an x402 facilitator: `/verify`, `/settle` and `/supported` in the standard form, so that
//! any x402 middleware gains the ledger, one settlement for one payment, and recovery.

mod allow;
mod ask;
mod auth;
mod decide;
mod service;
#[cfg(test)]
mod tests;

pub use allow::{AllowList, NotAllowed, Prices};
pub use service::{FacilitatorApi, Terms};
