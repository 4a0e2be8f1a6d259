use std::sync::{Arc, OnceLock};

use anyhow::{Result, anyhow};

use super::janitor::Janitor;
use super::options::Options;
use super::server::Server;

/// A server and the one who keeps its databases.
#[derive(Debug)]
pub struct Cluster {
    /// The server.
    pub server: Server,
    pub(super) janitor: Janitor,
}

impl Cluster {
    /// Starts a cluster of its own, for a test that stops it or sets it up otherwise.
    ///
    /// # Errors
    /// The server does not start.
    pub fn start(options: &Options) -> Result<Arc<Cluster>> {
        let server = Server::start(options)?;
        let janitor = Janitor::start(server.port)?;
        Ok(Arc::new(Cluster { server, janitor }))
    }

    /// The cluster that all tests of this process share; the first caller starts it. It does not wait for
    /// the disk, which makes a database per test three times as fast and changes no result: no test pulls
    /// the plug, and what a killed process has written the kernel still has.
    ///
    /// # Errors
    /// The server did not start. Every later caller gets the same error.
    pub fn shared() -> Result<Arc<Cluster>> {
        static CLUSTER: OnceLock<Result<Arc<Cluster>, String>> = OnceLock::new();
        let quick = Options {
            fsync: false,
            ..Options::default()
        };
        let cluster = CLUSTER.get_or_init(|| Cluster::start(&quick).map_err(|e| format!("{e:#}")));
        cluster.clone().map_err(|e| anyhow!(e))
    }
}
