//! The sidecar's binary: parse, do, exit.

use std::process::ExitCode;

use clap::Parser;
use insforge_sidecar::cli::Cli;

/// A busy gateway spent a quarter of its processor time in the allocator of glibc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().execute()
}
