//! Payments settled per second, and what one costs.

mod contender;
mod cost;
mod crowd;
mod drain;
mod idle;
mod parts;
mod peer;
mod target;

use anyhow::Result;
use clap::{Args, ValueEnum};

pub(super) use cost::{seconds, server_seconds};
pub(super) use peer::Peer;

use super::fixture::Fixture;
use super::options::Common;
use super::report::Report;

/// Options of the bench.
#[derive(Debug, Args)]
pub struct Settings {
    /// What every bench knows.
    #[command(flatten)]
    pub common: Common,
    /// What to measure; everything if not given. Can be repeated.
    #[arg(long = "part", value_enum)]
    parts: Vec<Part>,
    /// Payments waiting at the start of each measurement of the rate.
    #[arg(long, default_value_t = 20_000)]
    payments: usize,
    /// Payments waiting at the start of the large backlog, of which the first 10,000 are timed.
    #[arg(long, default_value_t = 1_000_000)]
    pending: usize,
    /// Seconds for which the idle sidecar is watched.
    #[arg(long, default_value_t = 60)]
    idle_seconds: u64,
}

/// A question that the bench answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Settled per second with a facilitator that takes 0 ms, 50 ms and 1 s, beside graphile-worker
    Rate,
    /// 5,000 slots, with calls of 200 ms and with calls long enough to fill them: memory and connections
    InFlight,
    /// A large backlog beside a small one
    Drain,
    /// Statements per second of a sidecar that has nothing to do
    Idle,
}

impl Settings {
    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

/// Runs the bench.
pub(super) async fn run(settings: &Settings) -> Result<Report> {
    allow_connections();
    let fixture = Fixture::start()?;
    let mut report = fixture.report("settle").await?;
    if settings.wants(Part::Rate) {
        parts::rate(settings, &fixture, &mut report).await?;
    }
    if settings.wants(Part::InFlight) {
        parts::in_flight(settings, &fixture, &mut report).await?;
    }
    if settings.wants(Part::Drain) {
        parts::backlog(settings, &fixture, &mut report).await?;
    }
    drop(fixture);
    if settings.wants(Part::Idle) {
        idle::measure(settings, &mut report).await?;
    }
    Ok(report)
}

/// Thousands of calls in flight are thousands of connections: as many as the system lets a user have, for
/// us and the programs we start. Where that is refused, the run itself shows it.
fn allow_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, most);
}
