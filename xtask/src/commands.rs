//! What each command does.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::cargo_pgrx::{self, cargo};
use crate::languages;
use crate::postgres::{self, Server};
use crate::shell::{Problem, command, root, run};
use crate::totals::Totals;

/// Names the server's programs to the tests' harness.
const PG_BIN: &str = "INSFORGE_TEST_PG_BIN";

/// Installs what is missing.
pub(crate) fn setup() -> Result<(), Problem> {
    ready().map(|server| println!("Ready: Postgres {} in {}", server.major, server.bin.display()))
}

fn ready() -> Result<Server, Problem> {
    let server = postgres::ensure()?;
    cargo_pgrx::ensure(&server)?;
    Ok(server)
}

/// Builds what the demo needs and runs it.
pub(crate) fn demo(arguments: &[String]) -> Result<(), Problem> {
    let server = ready()?;
    let folder = build(&server, false, &["--bin", "demo", "--bin", "standin"])?;
    run(program(&server, &folder, "demo", arguments))
}

/// Builds and runs the interoperation suite. Nothing in it is measured: a debug build is enough.
pub(crate) fn interop(arguments: &[String]) -> Result<(), Problem> {
    let server = ready()?;
    languages::ensure()?;
    let folder = build(&server, false, &["--bin", "interop"])?;
    run(program(&server, &folder, "interop", arguments))
}

/// Builds for release and runs a measuring program of `tests/`: `bench` or `chaos`.
pub(crate) fn measured(name: &str, arguments: &[String]) -> Result<(), Problem> {
    let server = ready()?;
    let folder = build(&server, true, &["--bin", name])?;
    run(program(&server, &folder, name, arguments))
}

/// The extension into the server, the sidecar and the programs of `tests/` into the target folder.
fn build(server: &Server, release: bool, bins: &[&str]) -> Result<PathBuf, Problem> {
    cargo_pgrx::install(server, release)?;
    let mut build = cargo(&[
        "build",
        "--package",
        "insforge-sidecar",
        "--package",
        "insforge-tests",
    ]);
    build.args(["--bin", "insforge-sidecar"]).args(bins);
    if release {
        build.arg("--release");
    }
    run(build)?;
    let target = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root().join("target"), PathBuf::from);
    Ok(target.join(if release { "release" } else { "debug" }))
}

fn program(server: &Server, folder: &std::path::Path, name: &str, arguments: &[String]) -> Command {
    let mut program = Command::new(folder.join(name));
    program
        .args(arguments)
        .current_dir(root())
        .env(PG_BIN, &server.bin);
    program
}

/// Every test. The kinds run one after the other: the tests inside the server install a build of their
/// own, over which the end-to-end tests' build is installed.
pub(crate) fn test() -> Result<(), Problem> {
    let started = Instant::now();
    let server = ready()?;
    postgres::ensure_checker(&server)?;
    let mut totals = Totals::default();
    totals.run("unit", cargo(&["test"]))?;
    cargo_pgrx::test(&server, &mut totals)?;
    let folder = build(&server, false, &["--bins"])?;
    let mut end_to_end = cargo(&["test", "--package", "insforge-tests"]);
    end_to_end.env(PG_BIN, &server.bin);
    totals.run("end to end", end_to_end)?;
    languages::ensure()?;
    totals.run("interoperation", program(&server, &folder, "interop", &[]))?;
    println!("\nAll kinds of test took {} s.", started.elapsed().as_secs());
    totals.finish()
}

/// rustfmt and clippy on every crate.
pub(crate) fn lint() -> Result<(), Problem> {
    let server = ready()?;
    run(command("cargo", &["fmt", "--all", "--check"]))?;
    let clippy = |arguments: &[&str]| {
        let mut clippy = cargo(&["clippy", "--all-targets"]);
        clippy.args(arguments).args(["--", "-D", "warnings"]);
        run(clippy)
    };
    clippy(&[])?;
    clippy(&["--package", "insforge-tests"])?;
    let feature = server.feature();
    clippy(&[
        "--package",
        "insforge_integrations",
        "--no-default-features",
        "--features",
        &feature,
    ])
}
