//! `cargo xtask chaos`: raises a storm over sidecars, Postgres, facilitator and chain, and compares the books
//! with the chain afterwards. Ends 1 if anything is not as it must be.
#![allow(
    clippy::print_stdout,
    reason = "this is a command-line program: it talks to a person"
)]

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use insforge_tests::chaos::{self, Options};

/// Kills, restarts and lies at random, then compares the chain with the ledger.
#[derive(Debug, Parser)]
#[command(name = "chaos")]
struct Cli {
    #[command(flatten)]
    options: Options,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Cli::parse().options;
    let report = chaos::run(&options).await?;
    println!("{}", report.text());
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text).with_context(|| format!("{}", file.display()))?;
    }
    Ok(ExitCode::from(u8::from(!report.passed())))
}
