//! cargo-pgrx in the version that the lock file pins, and what we ask of it.

use std::path::PathBuf;
use std::process::Command;

use crate::postgres::Server;
use crate::shell::{Problem, as_root, command, is_root, output_of, root, run};
use crate::totals::Totals;

const PACKAGE: &str = "insforge_integrations";

/// Installs cargo-pgrx if it is missing or of another version, and tells it about the server.
///
/// # Errors
/// It cannot be installed or initialised.
pub(crate) fn ensure(server: &Server) -> Result<(), Problem> {
    let version = pinned_version()?;
    let found = output_of("cargo", &["pgrx", "--version"]).unwrap_or_default();
    if !found.ends_with(&format!(" {version}")) {
        println!(
            "Installing cargo-pgrx {version} (found: {})",
            if found.is_empty() { "none" } else { &found }
        );
        let mut install = command("cargo", &["install", "cargo-pgrx", "--version", &version]);
        // It runs for a second or two at a time: a debug build does, and is made in a third of the time.
        install.args(["--locked", "--force", "--debug"]);
        install.env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(install)?;
    }
    let home = std::env::var("PGRX_HOME")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| PathBuf::from(home).join(".pgrx")));
    let known = home
        .ok()
        .and_then(|home| std::fs::read_to_string(home.join("config.toml")).ok());
    if known.is_some_and(|config| config.contains(&server.pg_config())) {
        return Ok(());
    }
    run(command(
        "cargo",
        &[
            "pgrx",
            "init",
            &format!("--{}", server.feature()),
            &server.pg_config(),
        ],
    ))
}

fn pinned_version() -> Result<String, Problem> {
    let lock =
        std::fs::read_to_string(root().join("Cargo.lock")).map_err(|error| format!("Cargo.lock: {error}"))?;
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.contains("name = \"pgrx\"\n"));
    let version = entry.and_then(|entry| entry.split("version = \"").nth(1)?.split('"').next());
    version
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.lock names no pgrx".to_owned())
}

/// Installs the extension into the server, without the tests' schema.
///
/// # Errors
/// The build or the copying fails.
pub(crate) fn install(server: &Server, release: bool) -> Result<(), Problem> {
    let pg_config = server.pg_config();
    let mut install = command(
        "cargo",
        &["pgrx", "install", "--package", PACKAGE, "--pg-config", &pg_config],
    );
    install.args(["--no-default-features", "--features", &server.feature()]);
    if release {
        install.arg("--release");
    }
    if !server.is_ours() {
        install.arg("--sudo");
    }
    run(install)
}

/// Runs the tests that run inside a server. They install a test build over the extension.
///
/// # Errors
/// A test fails.
pub(crate) fn test(server: &Server, totals: &mut Totals) -> Result<(), Problem> {
    let feature = server.feature();
    let mut test = command(
        "cargo",
        &[
            "pgrx",
            "test",
            &feature,
            "--package",
            PACKAGE,
            "--no-default-features",
        ],
    );
    if server.is_ours() && !is_root() {
        return totals.run("inside the server", test);
    }
    // A server refuses to run as root, and only root may install into it: cargo-pgrx does both by sudo when
    // it is told whom to run as. The path is short: a socket is made in it.
    let data = std::env::temp_dir().join(format!("pgrx-{}", std::process::id()));
    std::fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let data_path = data.display().to_string();
    run(as_root("chown", &["postgres", &data_path]))?;
    test.args(["--runas", "postgres", "--pgdata", &data_path]);
    let tested = totals.run("inside the server", test);
    run(as_root("rm", &["-rf", &data_path]))?;
    tested
}

/// A cargo command for the crates outside the default members.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command("cargo", arguments)
}
