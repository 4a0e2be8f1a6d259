//! x402 messages: the header codec, payments and requirements of versions 1 and 2 and of the hybrids in use,
//! read into one normalised form that keeps the members it does not know.

mod challenge;
mod domain;
pub mod header;
mod malformed;
mod matching;
mod network;
mod offer;
mod payment;
mod price;
mod reason;
mod requirements;
mod response;
mod scheme;
mod version;

pub use challenge::{Challenge, Dialect, Dialects, payment_required};
pub use domain::{domain_json, read_domain};
pub use malformed::{Malformed, Problem};
pub use matching::candidates;
pub use network::{Network, UnknownNetwork};
pub use offer::{Offer, OfferError, Resource, Token, VouchedToken, payee};
pub use payment::{Payment, SecretText, signed_message};
pub use price::Price;
pub use reason::Reason;
pub use requirements::{Extra, Requirements};
pub use response::{SettleResult, settle_response, supported, verify_response};
pub use scheme::Scheme;
pub use version::Version;

#[cfg(test)]
mod tests;
