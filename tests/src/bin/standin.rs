//! The facilitator stand-in as a program: answers like OKX, keeps its own chain, misbehaves when asked.
#![allow(
    clippy::print_stdout,
    reason = "this is a command-line program: it talks to a person"
)]

use std::net::SocketAddr;

use anyhow::Result;
use clap::Parser;
use insforge_tests::standin::chain::Timing;
use insforge_tests::standin::{Config, Credentials, StandIn};

/// Answers like OKX's x402 facilitator (both generations), with a small chain behind it and JSON-RPC on
/// /rpc/NAME. Faults and controls: POST /_standin; what happened: GET /_standin/calls, /transfers, /head.
#[derive(Debug, Parser)]
#[command(name = "standin")]
struct Cli {
    /// Where to listen; port 0 takes a free one and says which.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The only API key that it knows.
    #[arg(long, default_value = "standin-key")]
    key: String,
    /// Secret of the key.
    #[arg(long, default_value = "standin-secret")]
    secret: String,
    /// Passphrase of the key.
    #[arg(long, default_value = "standin-passphrase")]
    passphrase: String,
    /// Blocks by which `safe` trails `latest`.
    #[arg(long, default_value_t = 1)]
    safe_lag: u64,
    /// Blocks by which `finalized` trails `latest`.
    #[arg(long, default_value_t = 3)]
    finalized_lag: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let timing = Timing {
        safe_lag: cli.safe_lag,
        finalized_lag: cli.finalized_lag,
        ..Timing::default()
    };
    let credentials = Credentials {
        key: cli.key,
        secret: cli.secret,
        passphrase: cli.passphrase,
    };
    let config = Config {
        listen: cli.listen,
        credentials,
        timing,
        ..Config::default()
    };
    let standin = StandIn::with(config).await?;
    println!("listening on {}", standin.url());
    tokio::signal::ctrl_c().await?;
    standin.stop().await;
    Ok(())
}
