use anyhow::{Result, ensure};
use tokio_postgres::Client;

use crate::bench::node::Node;
use crate::bench::payments::Prepared;
use crate::cluster::Database;
use crate::standin::Credentials;

/// graphile-worker with a task that does the settler's calls.
pub(in crate::bench) struct Peer {
    node: Node,
}

impl Peer {
    /// Prepares its schema in the database; nothing is worked on yet.
    pub(in crate::bench) async fn prepare(
        database: &Database,
        facilitator: &str,
        credentials: &Credentials,
        concurrency: usize,
        batched: bool,
    ) -> Result<Peer> {
        let (url, concurrency) = (database.url(), concurrency.to_string());
        let mut environment = vec![
            ("DATABASE_URL", url.as_str()),
            ("FACILITATOR_URL", facilitator),
            ("OKX_API_KEY", &credentials.key),
            ("OKX_SECRET_KEY", &credentials.secret),
            ("OKX_PASSPHRASE", &credentials.passphrase),
            ("CONCURRENCY", &concurrency),
        ];
        if batched {
            environment.push(("BATCHED", "1"));
        }
        let node = Node::start("graphile.mjs", "", &environment).await?;
        Ok(Peer { node })
    }

    /// Prepared, and working.
    pub(in crate::bench) async fn start(
        database: &Database,
        facilitator: &str,
        credentials: &Credentials,
        concurrency: usize,
        batched: bool,
    ) -> Result<Peer> {
        let mut peer = Peer::prepare(database, facilitator, credentials, concurrency, batched).await?;
        peer.work().await?;
        Ok(peer)
    }

    /// Starts working.
    pub(in crate::bench) async fn work(&mut self) -> Result<()> {
        let word = self.node.ask("start").await?;
        ensure!(word == "started", "graphile-worker says {word:?}");
        Ok(())
    }

    /// Adds one job.
    pub(in crate::bench) async fn add(client: &Client, prepared: &Prepared) -> Result<()> {
        let sql = "SELECT graphile_worker.add_job('settle', json_build_object(
                     'payment', $1::text::json, 'requirements', $2::text::json))";
        client
            .query(sql, &[&prepared.payment, &prepared.requirements])
            .await?;
        Ok(())
    }

    pub(in crate::bench) fn pid(&self) -> Option<u32> {
        self.node.pid()
    }

    pub(in crate::bench) async fn stop(self) -> Result<()> {
        self.node.stop().await
    }
}
