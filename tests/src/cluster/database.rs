use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow};
use tokio_postgres::{Client, NoTls};

use super::janitor::Janitor;
use super::server::Server;
use super::shared::shared;
use super::template::{SIDECAR_ROLE, Template};

/// A database of one test; dropped with this value, connections and all.
#[derive(Debug)]
pub struct Database {
    /// Its name.
    pub name: String,
    server: &'static Server,
    janitor: Janitor,
}

impl Database {
    /// Clones a template in the shared cluster.
    ///
    /// # Errors
    /// The cluster does not start, or the extension is not installed in it.
    pub async fn create(template: Template) -> Result<Database> {
        Database::create_in(shared()?, template).await
    }

    async fn create_in(server: &'static Server, template: Template) -> Result<Database> {
        static JANITOR: OnceLock<Result<Janitor, String>> = OnceLock::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let janitor = JANITOR.get_or_init(|| Janitor::start(server).map_err(|e| format!("{e:#}")));
        let janitor = janitor.clone().map_err(|e| anyhow!(e))?;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        janitor.create(&name, template).await?;
        Ok(Database {
            name,
            server,
            janitor,
        })
    }

    /// The cluster it lives in.
    pub fn server(&self) -> &'static Server {
        self.server
    }

    /// Connection string as the superuser.
    pub fn url(&self) -> String {
        self.server.url("postgres", &self.name)
    }

    /// Connection string as the role of the sidecars.
    pub fn sidecar_url(&self) -> String {
        self.server.url(SIDECAR_ROLE, &self.name)
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
        self.janitor.drop_later(&self.name);
    }
}
