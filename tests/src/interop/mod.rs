//! Real x402 clients and middlewares, unmodified, against the real sidecar, with real EVMs behind.

mod case;
mod chain;
mod parties;
mod program;
mod scene;
mod suite;
mod table;
mod tap;
mod tools;

pub use suite::{Outcome, Settings, run};
