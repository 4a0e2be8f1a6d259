//! `insforge-sidecar doctor`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{complain, print};
use crate::config;
use crate::operate::doctor::{self, Level};

#[derive(Debug, Args)]
pub(super) struct DoctorCommand {
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
    /// TOML file; the environment wins over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Ends 1 if there is a fault; warnings alone end 0.
pub(super) fn execute(command: &DoctorCommand) -> ExitCode {
    let raw = match config::read(command.config.as_deref()) {
        Ok(raw) => raw,
        Err(faults) => return complain(&faults),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let findings = runtime.block_on(doctor::examine(&raw));
    // A name lookup that hangs in a thread must not hold up the exit.
    runtime.shutdown_background();
    if command.json {
        print(&format!("{:#}\n", json!(findings)));
    } else {
        print(&doctor::report(&findings));
    }
    let healthy = findings.iter().all(|finding| finding.level < Level::Fault);
    if healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
