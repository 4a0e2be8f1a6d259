use std::path::PathBuf;

use clap::Args;

/// How large the storm is.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Payments that come in over the run.
    #[arg(long, default_value_t = 1_000)]
    pub payments: usize,
    /// Sidecars that run at once; a killed one is replaced.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub sidecars: u16,
    /// How often a sidecar is killed (SIGKILL).
    #[arg(long, default_value_t = 200)]
    pub kills: usize,
    /// How often Postgres is stopped as by a crash, and started again.
    #[arg(long, default_value_t = 5)]
    pub restarts: usize,
    /// How often a sidecar is stopped (SIGSTOP) until its leases have run out, and goes on (SIGCONT).
    #[arg(long, default_value_t = 12)]
    pub pauses: usize,
    /// How often an operator cuts a third of the sidecars' connections (`pg_terminate_backend`).
    #[arg(long, default_value_t = 10)]
    pub cuts: usize,
    /// How often the newest blocks of the chain are replaced by others.
    #[arg(long, default_value_t = 3)]
    pub reorganisations: usize,
    /// What everything is drawn from; a random one if not given. The report names it.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Seconds after the faults have stopped within which every payment must have ended.
    #[arg(long, default_value_t = 60)]
    pub within: u64,
    /// Also writes the report to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Keeps the sidecars' logs in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub logs: Option<PathBuf>,
    /// Says nothing until the report.
    #[arg(long)]
    pub quiet: bool,
}

impl Options {
    /// Says how far it is, on standard error; the report itself goes to standard output.
    #[expect(
        clippy::print_stderr,
        reason = "a storm takes minutes, and a person waits for it"
    )]
    pub(super) fn progress(&self, what: &str) {
        if !self.quiet {
            eprintln!("  {what}");
        }
    }
}
