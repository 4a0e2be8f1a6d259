use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::machine;

/// What every bench can be told.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// How often the whole measurement is repeated; the report shows median and extremes.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Also writes every figure of every run to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Waits up to this many seconds before each run for the machine to have nothing else to do.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub patience: u64,
}

impl Common {
    /// Waits for a quiet machine, as long as `--patience` allows.
    pub(super) async fn quiet(&self) {
        if self.patience > 0 && !machine::quiet(Duration::from_secs(self.patience)).await {
            self.progress("the machine is busy with something else; measuring all the same");
        }
    }

    /// Says how far it is, on standard error; the report itself goes to standard output.
    #[expect(
        clippy::print_stderr,
        reason = "a bench takes minutes, and a person waits for it"
    )]
    pub(super) fn progress(&self, what: &str) {
        eprintln!("  {what}");
    }
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What the doorbell costs whoever inserts: none, doorbell, a NOTIFY per row
    Doorbell(Common),
    /// From the commit of a payment to the request that settles it
    Wakeup(super::wakeup::Settings),
    /// Row-level security per row: our identity function, wrapped or not, beside the guides'
    Identity(super::identity::Settings),
    /// The audit of a large database
    Audit(super::audit::Settings),
    /// Payments judged per second in one backend, beside viem
    Verify(super::verify::Settings),
    /// What the gateway adds to a request, and paid requests per second beside @x402/express
    Gateway(super::gateway::Settings),
    /// Payments settled per second through loopback HTTP, beside graphile-worker
    Settle(super::settle::Settings),
    /// Provider tokens exchanged per second, beside jose; logins per second in one backend
    Exchange(super::exchange::Settings),
}

impl Command {
    /// The options that all benches have.
    pub fn common(&self) -> &Common {
        match self {
            Command::Doorbell(common) => common,
            Command::Wakeup(settings) => &settings.common,
            Command::Identity(settings) => &settings.common,
            Command::Audit(settings) => &settings.common,
            Command::Verify(settings) => &settings.common,
            Command::Gateway(settings) => &settings.common,
            Command::Settle(settings) => &settings.common,
            Command::Exchange(settings) => &settings.common,
        }
    }
}
