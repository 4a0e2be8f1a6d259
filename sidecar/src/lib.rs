//! The service beside the extension: it settles the payments that the database holds.
//!
//! Imports point one way: `settle` (pure decisions) ← `worker` ← `app`; `db`, `facilitator` and `http`
//! are edges that never import each other.

pub mod bell;
pub mod clock;
pub mod config;
pub mod db;
pub mod facilitator;
pub mod health;
pub mod logging;
pub mod secret;
pub mod settle;
pub mod tasks;
pub mod tls;
