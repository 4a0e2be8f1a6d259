//! Everything the end-to-end tests, the demo and the benches share: a throw-away Postgres cluster, a
//! buyer with a throw-away key, a strict and unreliable facilitator with a small chain of its own, and
//! the real sidecar as a child process.

pub mod bench;
pub mod buyer;
pub mod chaos;
pub mod cluster;
pub mod http;
pub mod interop;
pub mod issuer;
pub mod ledger;
pub mod port;
pub mod process;
pub mod proxy;
pub mod sidecar;
pub mod standin;
pub mod wait;
