use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

use super::server::Server;
use super::shared::Cluster;
use super::template::{SIDECAR_ROLE, Template};

/// A database of one test; dropped with this value, connections and all.
#[derive(Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    cluster: Arc<Cluster>,
}

impl Database {
    /// Clones a template in the shared cluster.
    ///
    /// # Errors
    /// The cluster does not start, or the extension is not installed in it.
    pub async fn create(template: Template) -> Result<Database> {
        Database::create_in(Cluster::shared()?, template).await
    }

    /// Clones a template in a cluster.
    ///
    /// # Errors
    /// The extension is not installed in it.
    pub async fn create_in(cluster: Arc<Cluster>, template: Template) -> Result<Database> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        cluster.janitor.create(&name, template).await?;
        Ok(Database { name, cluster })
    }

    /// The server it lives in.
    pub fn server(&self) -> &Server {
        &self.cluster.server
    }

    /// Connection string as the superuser.
    pub fn url(&self) -> String {
        self.server().url("postgres", &self.name)
    }

    /// Connection string as the role of the sidecars.
    pub fn sidecar_url(&self) -> String {
        self.server().url(SIDECAR_ROLE, &self.name)
    }

    /// A new connection as the superuser.
    pub async fn client(&self) -> Result<Client> {
        let connected = tokio_postgres::connect(&self.url(), NoTls).await;
        let (client, connection) = connected.with_context(|| format!("connecting to {}", self.name))?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.cluster.janitor.drop_later(&self.name);
    }
}
