use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::{Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::auth::Credentials;
use super::calls::CallLog;
use super::chain::Chain;
use super::connection;
use super::faults::Rule;
use super::world::{Config, Settings, SettleSeen, World};
use crate::port;

/// A running stand-in. It stops with this value.
#[derive(Debug)]
pub struct StandIn {
    address: SocketAddr,
    world: Arc<World>,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl StandIn {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start() -> Result<StandIn> {
        StandIn::with(Config::default()).await
    }

    /// Starts one that is set up otherwise.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn with(config: Config) -> Result<StandIn> {
        let listener = match config.listen.port() {
            // Not one that the system chooses: what stops and resumes would find it given to somebody's connection.
            0 => port::free_listener()?,
            _ => std::net::TcpListener::bind(config.listen).context("the stand-in's port")?,
        };
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(&config));
        let server = tokio::spawn(connection::serve(listener, world.clone()));
        Ok(StandIn {
            address,
            world,
            server: Mutex::new(Some(server)),
        })
    }

    /// For `OKX_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An RPC endpoint of any name; names are what faults and lags are tied to.
    pub fn rpc_url(&self, name: &str) -> String {
        format!("http://{}/rpc/{name}", self.address)
    }

    /// The API key it knows.
    pub fn credentials(&self) -> &Credentials {
        &self.world.credentials
    }

    /// The chain, brought up to the present. Do not hold it across an await.
    pub fn chain(&self) -> MutexGuard<'_, Chain> {
        self.world.chain()
    }

    /// Moves the chain's and the facilitator's clock.
    pub fn advance(&self, seconds: i64) {
        self.world.clock.advance(seconds);
    }

    /// Adds a fault; rules are tried in the order in which they were added.
    pub fn fault(&self, rule: Rule) {
        self.world.plan.lock().rules.push(rule);
    }

    /// Healthy again.
    pub fn clear_faults(&self) {
        self.world.plan.lock().rules.clear();
    }

    /// Seeds the chance of rules with a probability.
    pub fn seed(&self, seed: u64) {
        self.world.plan.lock().seed = seed;
    }

    /// How many faults were given so far, by the target of their rule.
    pub fn faults_given(&self) -> BTreeMap<String, u64> {
        self.world.plan.lock().given.clone()
    }

    /// Changes settings.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.world.settings.lock());
    }

    /// Opens a gate that a fault waits at.
    pub fn open_gate(&self, name: &str) {
        self.world.gates.open(name);
    }

    /// Calls `hook` and awaits it whenever an authenticated, readable `/settle` arrives, before anything
    /// else happens.
    pub fn on_settle<F, Fut>(&self, hook: F)
    where
        F: Fn(SettleSeen) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        *self.world.hook.lock() = Some(Arc::new(move |seen| Box::pin(hook(seen))));
    }

    /// Every call so far.
    pub fn calls(&self) -> &CallLog {
        &self.world.calls
    }

    /// Goes away as a host does: the port is closed and open connections are cut.
    pub async fn stop(&self) {
        let server = self.server.lock().take();
        if let Some(server) = server {
            server.abort();
            drop(server.await);
        }
    }

    /// Comes back on the same port, with everything it knew.
    ///
    /// # Errors
    /// Somebody took the port meanwhile, and kept it.
    pub async fn resume(&self) -> Result<()> {
        self.stop().await;
        let bound = async {
            loop {
                match TcpListener::bind(self.address).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let deadline = Duration::from_secs(20);
        let listener = tokio::time::timeout(deadline, bound)
            .await
            .context("the stand-in's port is taken")?;
        *self.server.lock() = Some(tokio::spawn(connection::serve(listener, self.world.clone())));
        Ok(())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(server) = self.server.lock().take() {
            server.abort();
        }
    }
}
