//! x402 messages: the header codec, payments and requirements of versions 1 and 2 and of the hybrids in use,
//! read into one normalised form that keeps the members it does not know.

pub mod header;
mod malformed;
mod matching;
mod network;
mod payment;
mod reason;
mod requirements;
mod scheme;
mod version;

pub use malformed::{Malformed, Problem};
pub use matching::candidates;
pub use network::{Network, UnknownNetwork};
pub use payment::{Payment, SecretText};
pub use reason::Reason;
pub use requirements::{Extra, Requirements};
pub use scheme::Scheme;
pub use version::Version;

#[cfg(test)]
mod tests;
