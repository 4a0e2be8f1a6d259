//! A throw-away Postgres cluster per test process and a database per test.
//!
//! The cluster runs as an unprivileged user even when the caller is root, listens on a free port of
//! 127.0.0.1 with trust authentication, ignores the caller's environment, and disappears with the
//! process that asked for it, however that process ends.

mod database;
mod install;
mod janitor;
mod options;
mod server;
mod shared;
mod standby;
mod template;

pub use database::Database;
pub use install::Installation;
pub use options::{Options, SMALL_DISK};
pub use server::Server;
pub use shared::Cluster;
pub use standby::Standby;
pub use template::Template;
