use anyhow::Result;
use clap::Subcommand;

use super::options::Command;
use super::report::Report;
use super::{audit, doorbell, exchange, gateway, identity, settle, verify, wakeup};

/// The names of all benches with what they measure, a line each.
pub fn list() -> String {
    let all = Command::augment_subcommands(clap::Command::new("bench"));
    let lines = all.get_subcommands().map(|bench| {
        let about = bench.get_about().map(ToString::to_string).unwrap_or_default();
        format!("  {:10} {about}", bench.get_name())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs a bench.
///
/// # Errors
/// Something that takes part does not start, or ends early.
pub async fn run(command: &Command) -> Result<Report> {
    match command {
        Command::Doorbell(common) => doorbell::run(common).await,
        Command::Wakeup(settings) => wakeup::run(settings).await,
        Command::Identity(settings) => identity::run(settings).await,
        Command::Audit(settings) => audit::run(settings).await,
        Command::Verify(settings) => verify::run(settings).await,
        Command::Gateway(settings) => gateway::run(settings).await,
        Command::Settle(settings) => settle::run(settings).await,
        Command::Exchange(settings) => exchange::run(settings).await,
    }
}
