//! The token exchange: a provider's token in, an InsForge token out (RFC 8693).
//!
//! What is decided about a token is decided in `insforge_protocol::jwt`. Here are the edges: the
//! provider's keys ([`KeyStore`]), what is recorded before anything is answered ([`Registrar`]), the HTTP
//! endpoint ([`Endpoint`]) and its limits.

mod address;
mod answer;
mod cors;
mod discovery;
mod endpoint;
mod exchange;
mod explain;
mod fetch;
mod keys;
mod limit;
mod provider;
mod records;
mod refresh;
mod refused;
mod registrar;
mod request;
mod verifier;

#[cfg(test)]
mod testing;

pub use address::{Network, TrustedProxies};
pub use answer::Granted;
pub use cors::Origins;
pub use endpoint::Endpoint;
pub use exchange::{Exchange, Limits};
pub use explain::explain;
pub use fetch::{Fetch, FetchError, Fetched, HttpFetch, Source};
pub use keys::{KeyStore, Timing};
pub use limit::RateLimit;
pub use provider::{Collision, Provider, ProviderError, ProviderSettings, collisions};
pub use records::Records;
pub use refresh::Refresher;
pub use refused::Refused;
pub use registrar::{Exchanged, Recorded, Registrar, RegistrarError};
pub use verifier::Verifier;
