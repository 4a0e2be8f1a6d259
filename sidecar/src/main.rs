//! The sidecar's binary: parse, do, exit.

use std::process::ExitCode;

use clap::Parser;
use insforge_sidecar::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().execute()
}
