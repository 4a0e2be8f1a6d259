//! Provider tokens exchanged per second over loopback HTTP, beside a Node server with `jose`; and logins per
//! second in one backend.

mod load;
mod login;
mod measure;
mod office;
mod report;
mod tokens;

use anyhow::Result;
use clap::Args;

use super::fixture::Fixture;
use super::node;
use super::options::Common;
use super::report::Report;

/// Options of the bench.
#[derive(Debug, Args)]
pub struct Settings {
    /// What every bench knows.
    #[command(flatten)]
    pub common: Common,
    /// Tokens of each kind, each exchanged once in a run by each server.
    #[arg(long, default_value_t = 10_000)]
    tokens: usize,
    /// Connections that send one request after the other.
    #[arg(long, default_value_t = 32)]
    connections: usize,
}

/// Runs the bench.
pub(super) async fn run(settings: &Settings) -> Result<Report> {
    let fixture = Fixture::start()?;
    let mut report = fixture.report("exchange").await?;
    let office = office::Office::open(&fixture).await?;
    let node = match node::version().await? {
        Some(version) => Some((office.peer().await?, version)),
        None => None,
    };
    let found = measure::all(settings, &office, node.as_ref().map(|(peer, _)| peer)).await?;
    report::describe(
        &mut report,
        settings,
        &found,
        node.as_ref().map(|(_, version)| version.as_str()),
    );
    Ok(report)
}
