use std::sync::Arc;

use anyhow::Result;
use tokio_postgres::Client;

use super::machine::Machine;
use super::report::Report;
use crate::cluster::{Cluster, Database, Options, Template};

/// How long commits wait for the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Disk {
    /// As long as this machine's disk takes.
    #[default]
    Real,
    /// Not at all (`fsync = off`): what is left is not the disk's.
    Instant,
}

/// A cluster with the server's stock settings, for one bench.
pub(super) struct Fixture {
    pub(super) cluster: Arc<Cluster>,
}

impl Fixture {
    /// Starts the cluster: stock settings, commits reach the disk.
    pub(super) fn start() -> Result<Fixture> {
        Fixture::with(Vec::new())
    }

    /// The same on this disk.
    pub(super) fn on(disk: Disk) -> Result<Fixture> {
        let options = Options {
            fsync: disk == Disk::Real,
            ..Options::default()
        };
        Ok(Fixture {
            cluster: Cluster::start(&options)?,
        })
    }

    /// The same with further settings.
    pub(super) fn with(settings: Vec<String>) -> Result<Fixture> {
        let options = Options {
            settings,
            ..Options::default()
        };
        Ok(Fixture {
            cluster: Cluster::start(&options)?,
        })
    }

    /// A fresh database.
    pub(super) async fn database(&self, template: Template) -> Result<Database> {
        Database::create_in(self.cluster.clone(), template).await
    }

    /// An empty report with this machine's facts.
    pub(super) async fn report(&self, bench: &'static str) -> Result<Report> {
        let database = self.database(Template::Extension).await?;
        let client = database.client().await?;
        Ok(Report::new(bench, Machine::look(Some(&client)).await?))
    }
}

/// Writes what a setup has dirtied, so that it is not written while something is measured.
pub(super) async fn settle_down(client: &Client) -> Result<()> {
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}
