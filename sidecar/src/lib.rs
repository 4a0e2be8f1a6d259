//! The service beside the extension: it settles the payments that the database holds.
//!
//! Imports point one way: `settle` (pure decisions) ← `worker` ← `app`; `db`, `facilitator` and `http`
//! are edges that never import each other.

pub mod app;
pub mod batch;
pub mod bell;
pub mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod facilitator;
pub mod health;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod operate;
pub mod outlook;
pub mod reconcile;
pub mod secret;
pub mod selling;
pub mod settle;
pub mod shutdown;
pub mod tasks;
pub mod tls;
pub mod tokens;
pub mod worker;
