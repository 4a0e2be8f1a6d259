//! What tests about operations share: typing a command, reading a metric.

use std::process::Output;

use anyhow::{Context, Result};
use insforge_tests::http;
use insforge_tests::sidecar::{Plan, Sidecar};
use serde_json::Value;

/// Runs the sidecar's program to its end.
pub(crate) async fn typed(plan: &Plan, arguments: &[&str]) -> Result<Output> {
    let mut command = plan.command(arguments)?;
    tokio::task::spawn_blocking(move || command.output().context("the program does not start")).await?
}

/// What it wrote to standard output.
pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it wrote to standard error.
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it wrote, as JSON.
pub(crate) fn json(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| out(output) + &err(output))
}

/// The value of a series as a scrape shows it.
pub(crate) async fn metric(sidecar: &Sidecar, series: &str) -> Result<f64> {
    let text = http::client()?
        .get(sidecar.url("/metrics"))
        .send()
        .await?
        .text()
        .await?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value
        .with_context(|| format!("no {series} in\n{text}"))?
        .parse()
        .context("no number")
}
