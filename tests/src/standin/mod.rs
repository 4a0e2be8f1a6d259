//! The facilitator stand-in: as strict as OKX and the token, and as unreliable as a test asks for.
//!
//! It answers both generations of OKX's API and, beside it, JSON-RPC for its own small chain. Faults are
//! asked of it through [`StandIn::fault`] in the same process, or as JSON on `POST /_standin`.

pub mod admin;
mod auth;
mod calls;
pub mod chain;
mod connection;
mod envelope;
mod facilitator;
mod faults;
mod gates;
mod handle;
mod reply;
mod request;
mod route;
mod rpc;
mod settle;
mod signature;
mod status;
mod supported;
#[cfg(test)]
mod tests;
mod world;

pub use auth::Credentials;
pub use calls::{Call, CallLog};
pub use envelope::{CodeForm, DataForm};
pub use faults::{Answer, Effect, Fault, HashForm, Rule, Say};
pub use handle::StandIn;
pub use world::{Config, Settings, SettleSeen};
