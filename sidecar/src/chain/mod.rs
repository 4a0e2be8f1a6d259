//! Chains, asked over JSON-RPC. Answers are read strictly and taken for what they are: one endpoint's word. What
//! they prove is decided by `insforge_protocol::evidence`.
//!
//! An endpoint is asked for its chain id before anything else, and again after every outage: one that serves
//! another chain, or a balancer that mixes chains, never becomes evidence.

mod endpoint;
mod error;
mod locate;
mod logs;
mod look;
mod network;
mod pace;
mod rpc;
mod settings;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use endpoint::{At, Endpoint};
pub use error::RpcError;
pub use logs::LogFilter;
pub use look::Target;
pub use network::Chain;
pub use rpc::Rpc;
pub use settings::ChainSettings;
