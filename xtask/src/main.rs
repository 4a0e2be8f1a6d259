//! The commands people type: `cargo xtask demo|test|bench|lint|ci|setup`.
//!
//! Nothing but the standard library, so that the first command answers within seconds.
#![allow(
    clippy::print_stdout,
    reason = "this is a command-line program: it talks to a person"
)]

mod cargo_pgrx;
mod commands;
mod languages;
mod packages;
mod postgres;
mod shell;
mod totals;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <command>

  setup              install what is missing: a Postgres server, its headers, libclang, sudo, cargo-pgrx
  demo [--once]      pay, settle and prove one payment while you watch; --live talks to OKX
  test               every test: unit, inside the server, end to end, interoperation
  lint               rustfmt and clippy on every crate, warnings are errors
  ci                 lint, then test
  bench <name>       measure; without a name, list what can be measured
  chaos [options]    kill, restart and lie at random, then compare the chain with the ledger
  interop            real x402 clients and middlewares against the sidecar; --write keeps the tables
";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = if arguments.is_empty() {
        String::new()
    } else {
        arguments.remove(0)
    };
    let done = match command.as_str() {
        "setup" => commands::setup(),
        "demo" => commands::demo(&arguments),
        "test" => commands::test(),
        "lint" => commands::lint(),
        "ci" => commands::lint().and_then(|()| commands::test()),
        "interop" => commands::interop(&arguments),
        "bench" | "chaos" => commands::measured(&command, &arguments),
        _ => {
            print!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("\nxtask {command}: {problem}");
            ExitCode::FAILURE
        }
    }
}
