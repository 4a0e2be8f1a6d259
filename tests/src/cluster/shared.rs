use std::sync::OnceLock;

use anyhow::{Result, anyhow};

use super::options::Options;
use super::server::Server;

/// The cluster that all tests of this process share; the first caller starts it.
///
/// # Errors
/// The server did not start. Every later caller gets the same error.
pub fn shared() -> Result<&'static Server> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Server::start(&Options::default()).map_err(|e| format!("{e:#}")));
    server.as_ref().map_err(|e| anyhow!(e.clone()))
}
