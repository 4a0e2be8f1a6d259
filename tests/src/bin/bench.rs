//! `cargo xtask bench [name]`: measures, prints a table, and writes every figure as JSON if asked to.
#![allow(
    clippy::print_stdout,
    reason = "this is a command-line program: it talks to a person"
)]

use anyhow::{Context, Result};
use clap::Parser;
use insforge_tests::bench::{self, Command};

/// Measures; without a name, lists what can be measured.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Some(command) = Cli::parse().command else {
        println!("{}", bench::list());
        println!("\nOptions of one: cargo xtask bench <name> --help");
        return Ok(());
    };
    let report = bench::run(&command).await?;
    println!("{}", report.text());
    if let Some(file) = &command.common().json {
        let text = serde_json::to_string_pretty(&report.json())?;
        std::fs::write(file, text).with_context(|| format!("{}", file.display()))?;
    }
    Ok(())
}
