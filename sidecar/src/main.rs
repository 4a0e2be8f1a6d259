//! The sidecar's binary: parse, do, exit.

use std::process::ExitCode;

use clap::Parser;
use insforge_sidecar::cli::Cli;

/// A quarter of a busy gateway's time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().execute()
}
