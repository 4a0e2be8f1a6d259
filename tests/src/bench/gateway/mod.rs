//! What the gateway adds to a request, and how many paid ones it serves, beside `@x402/express`.

mod clients;
mod contest;
mod latency;
mod shops;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::facilitator::Facilitator;
use super::fixture::{Disk, Fixture};
use super::node::{self, Node};
use super::options::Common;
use super::payments;
use super::report::Report;
use crate::cluster::{Database, Template};
use crate::sidecar::Sidecar;
use shops::Upstream;

/// Options of the bench.
#[derive(Debug, Args)]
pub struct Settings {
    /// What every bench knows.
    #[command(flatten)]
    pub common: Common,
    /// Requests of one client in each measurement of a latency.
    #[arg(long, default_value_t = 300)]
    rounds: usize,
    /// Paid requests in each measurement of a rate.
    #[arg(long, default_value_t = 3_000)]
    payments: usize,
    /// Clients at once, with a facilitator that answers at once; with a slow one, four times as many.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long commits wait for the disk.
    #[arg(long, value_enum, default_value_t)]
    disk: Disk,
}

/// Everything that takes part.
struct Stage {
    facilitator: Facilitator,
    upstream: Upstream,
    gateway: SocketAddr,
    express: Option<(Node, SocketAddr)>,
    sidecar: Sidecar,
    database: Database,
    _fixture: Fixture,
}

/// How much slower the facilitator is in the second half.
const SLOW: Duration = Duration::from_millis(50);
/// Clients that a slow facilitator is shared by, in `--clients`.
const SLOW_CLIENTS: usize = 4;

/// Runs the bench.
pub(super) async fn run(settings: &Settings) -> Result<Report> {
    let fixture = Fixture::on(settings.disk)?;
    let mut report = fixture.report("gateway").await?;
    let version = node::version().await?;
    let stage = Stage::set(settings, fixture, version.is_some()).await?;
    latency::measure(settings, &stage, &mut report).await?;
    contest::measure(settings, &stage, version.as_deref(), &mut report).await?;
    Ok(report)
}

impl Stage {
    async fn set(settings: &Settings, fixture: Fixture, with_express: bool) -> Result<Stage> {
        let facilitator = Facilitator::start(Duration::ZERO).await?;
        let upstream = Upstream::start().await?;
        let database = fixture.database(Template::Extension).await?;
        let one = payments::sign(1)?.pop().context("a payment")?;
        let requirements: Value = serde_json::from_str(&one.requirements)?;
        let in_flight = settings.clients * SLOW_CLIENTS;
        let (sidecar, gateway) =
            shops::gateway(&database, &facilitator, &upstream, &requirements, in_flight).await?;
        let express = if with_express {
            Some(shops::express(&facilitator, &requirements).await?)
        } else {
            None
        };
        Ok(Stage {
            facilitator,
            upstream,
            gateway,
            express,
            sidecar,
            database,
            _fixture: fixture,
        })
    }
}
