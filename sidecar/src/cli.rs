//! The command line.

mod doctor;
mod payments;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing::{error, warn};

use doctor::DoctorCommand;
use payments::PaymentsCommand;
use token::TokenCommand;

use crate::app::{self, Ended};
use crate::config::{self, Settings};
use crate::{logging, metrics};

/// The service beside insforge_integrations: settles x402 payments that a Postgres database holds.
#[derive(Debug, Parser)]
#[command(name = "insforge-sidecar", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Settle payments until told to stop (SIGTERM, SIGINT).
    Run(File),
    /// Look at payments and decide about them; needs the database's settings only.
    #[command(subcommand)]
    Payments(PaymentsCommand),
    /// Say what is wrong with the setup and what to do about it: configuration, database, role, clocks,
    /// facilitator, chain, providers. Ends 1 if there is a fault.
    Doctor(DoctorCommand),
    /// Look at a provider's token. It is read from standard input or a file, never from the command line,
    /// which other users of the machine can see.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Look at the configuration; needs no database.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say everything that is wrong with it; ends 1 if anything is.
    Check(File),
    /// Print what would be used and where it came from, secrets redacted.
    Show(File),
    /// Print docs/configuration.md.
    Docs,
    /// Print the table of metrics in docs/operations.md.
    Metrics,
}

#[derive(Debug, Args)]
struct File {
    /// TOML file; the environment wins over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Cli {
    /// Does what was asked. 0: done, or stopped by a signal; 1: configuration or start failed, or a part
    /// died; 130: stopped by a second signal.
    pub fn execute(self) -> ExitCode {
        match self.command {
            Command::Run(file) => run(&file),
            Command::Payments(command) => payments::execute(command),
            Command::Doctor(command) => doctor::execute(&command),
            Command::Token(command) => token::execute(&command),
            Command::Config(ConfigCommand::Check(file)) => check(&file),
            Command::Config(ConfigCommand::Show(file)) => show(&file),
            Command::Config(ConfigCommand::Docs) => print(&config::docs()),
            Command::Config(ConfigCommand::Metrics) => print(&metrics::docs()),
        }
    }
}

fn run(file: &File) -> ExitCode {
    let (raw, settings) = match config::load(file.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(faults) => return complain(&faults),
    };
    logging::init(&settings.log);
    for warning in raw.warnings.iter().chain(&settings.warnings()) {
        warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let ended = runtime.block_on(app::run(settings));
    // A name lookup that hangs in a thread must not hold up the exit.
    runtime.shutdown_background();
    match ended {
        Ok(Ended::Gracefully) => ExitCode::SUCCESS,
        Ok(Ended::Forced) => ExitCode::from(130),
        Ok(Ended::Broken) => ExitCode::FAILURE,
        Err(error) => {
            error!(%error, "the sidecar could not start");
            ExitCode::FAILURE
        }
    }
}

fn check(file: &File) -> ExitCode {
    match config::load(file.config.as_deref()) {
        Ok((raw, settings)) => {
            for warning in raw.warnings.iter().chain(&settings.warnings()) {
                print(&format!("warning: {warning}\n"));
            }
            print("the configuration is valid\n")
        }
        Err(faults) => complain(&faults),
    }
}

/// Shows also what is wrong: that is when one wants to see it.
fn show(file: &File) -> ExitCode {
    let raw = match config::read(file.config.as_deref()) {
        Ok(raw) => raw,
        Err(faults) => return complain(&faults),
    };
    print(&config::show(&raw));
    match Settings::from_raw(&raw) {
        Ok(_) => ExitCode::SUCCESS,
        Err(faults) => complain(&faults),
    }
}

/// Ends 0 also when the reader has gone away, as `head` does.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(fault: &dyn std::fmt::Display) -> ExitCode {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "insforge-sidecar: {fault}");
    ExitCode::FAILURE
}
