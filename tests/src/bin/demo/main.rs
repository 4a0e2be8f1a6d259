//! `cargo xtask demo`: a buyer's signed payment enters Postgres, the sidecar wakes and settles it, and the
//! ledger proves it, while you watch.
#![allow(
    clippy::print_stdout,
    reason = "this is a command-line program: it talks to a person"
)]

mod live;
mod place;
mod story;
mod teller;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use place::Place;
use teller::Teller;

/// Pays, settles and proves one payment on a throw-away cluster.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Cli {
    /// End when the payment is settled, instead of running until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Talk to OKX instead of the stand-in. Moves real money: needs OKX_API_KEY, OKX_SECRET_KEY,
    /// OKX_PASSPHRASE, DEMO_BUYER_KEY (a private key that owns USDG on X Layer) and PAYMENT_RECIPIENT.
    #[arg(long)]
    live: bool,
    /// Price in USDG's smallest unit; 10000 is one cent.
    #[arg(long, default_value_t = 10_000)]
    amount: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nThe demo stopped: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<()> {
    let teller = Teller::new();
    let cast = if cli.live {
        live::cast(cli.amount)?
    } else {
        story::cast(cli.amount)
    };
    let place = Place::build(&teller, &cast).await?;
    story::play(&teller, &place, &cast).await?;
    if cli.once {
        return Ok(());
    }
    place.invite();
    tokio::signal::ctrl_c().await?;
    println!("\nStopping: nothing of this is kept.");
    Ok(())
}
