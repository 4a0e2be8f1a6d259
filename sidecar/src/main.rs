//! The sidecar's binary: parse, do, exit.

use std::process::ExitCode;

use clap::Parser;
use insforge_sidecar::cli::Cli;

/// A payment is many small allocations, and this allocator takes less time for them than that of glibc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().execute()
}
