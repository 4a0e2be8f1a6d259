//! `cargo xtask interop`: real clients and middlewares against the sidecar.
#![allow(
    clippy::print_stdout,
    reason = "this is a command-line program: it talks to a person"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use insforge_tests::interop::{self, Settings};

/// Real x402 clients and middlewares (Node, Python, Rust) buy and sell through the sidecar.
#[derive(Debug, Parser)]
#[command(name = "interop")]
struct Cli {
    /// Writes docs/interop.md; without it, the run fails where the page says something else.
    #[arg(long)]
    write: bool,
    /// Runs only the cases whose name holds this text, such as `from gateway` or `httpx`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Leaves out the clients and sellers in Rust, which have to be built.
    #[arg(long)]
    without_rust: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let started = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let target = env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), PathBuf::from);
    let settings = Settings {
        only: cli.only,
        without_rust: cli.without_rust,
    };
    let file = root.join("docs/interop.md");
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let outcome = interop::run(&root, &target, &known, &settings, |line| println!("{line}")).await?;
    let word = if outcome.failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s",
        outcome.passed,
        outcome.failed,
        outcome.left_out,
        started.elapsed().as_secs_f64()
    );
    match &outcome.page {
        Some(page) if cli.write => {
            std::fs::write(&file, page).with_context(|| format!("{}", file.display()))?
        }
        Some(page) => ensure!(
            known == *page,
            "docs/interop.md says something else; `cargo xtask interop --write` writes it"
        ),
        None => return Ok(ExitCode::FAILURE),
    }
    Ok(ExitCode::SUCCESS)
}
