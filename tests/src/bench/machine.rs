use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use insforge_protocol::okx::timestamp;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use crate::buyer::unix_now;

/// A release build of the extension's library is below this many bytes, a debug build far above.
const LARGEST_RELEASE: u64 = 10_000_000;

/// Where and how it was measured.
#[derive(Debug)]
pub(super) struct Machine(Vec<(&'static str, String)>);

impl Machine {
    /// Facts about this machine, and about the server behind `client` unless there is none.
    pub(super) async fn look(client: Option<&Client>) -> Result<Machine> {
        let mut facts = vec![
            ("date", timestamp(unix_now() * 1_000)),
            ("command", command_line()),
            ("commit", commit()),
            ("cores", std::thread::available_parallelism()?.to_string()),
            (
                "cpu",
                field("/proc/cpuinfo", "model name").unwrap_or_else(|| "?".to_owned()),
            ),
            (
                "memory",
                field("/proc/meminfo", "MemTotal").unwrap_or_else(|| "?".to_owned()),
            ),
            ("load", load().unwrap_or_else(|| "?".to_owned())),
        ];
        if cfg!(debug_assertions) {
            facts.push(("WARNING", "the bench is a debug build".to_owned()));
        }
        if let Some(client) = client {
            facts.extend(server(client).await?);
        }
        Ok(Machine(facts))
    }

    pub(super) fn text(&self) -> String {
        let line = |(name, value): &(&str, String)| format!("  {name:20} {value}");
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn json(&self) -> Value {
        let members = self
            .0
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.clone())));
        Value::Object(members.collect::<Map<_, _>>())
    }
}

/// Waits until nine tenths of a second's processor time are idle; whether that came within `patience`.
/// Systems without `/proc` count as quiet.
pub(super) async fn quiet(patience: Duration) -> bool {
    let end = Instant::now() + patience;
    loop {
        let before = ticks();
        sleep(Duration::from_secs(1)).await;
        let (Some(before), Some(after)) = (before, ticks()) else {
            return true;
        };
        if (after.0 - before.0) * 10 >= (after.1 - before.1) * 9 {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
    }
}

/// Idle and all ticks of all processors since the start.
fn ticks() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> = text
        .lines()
        .next()?
        .split_whitespace()
        .filter_map(|f| f.parse().ok())
        .collect();
    Some((fields.get(3)? + fields.get(4)?, fields.iter().take(8).sum()))
}

async fn server(client: &Client) -> Result<Vec<(&'static str, String)>> {
    const SETTINGS: [&str; 6] = [
        "server_version",
        "fsync",
        "synchronous_commit",
        "shared_buffers",
        "max_wal_size",
        "max_parallel_workers_per_gather",
    ];
    let mut facts = Vec::new();
    for name in SETTINGS {
        let row = client.query_one("SELECT current_setting($1)", &[&name]).await?;
        facts.push((name, row.try_get(0)?));
    }
    let sql = "SELECT (pg_stat_file(setting || '/insforge_integrations.so', true)).size FROM pg_config
               WHERE name = 'PKGLIBDIR'";
    let size: Option<i64> = client.query_opt(sql, &[]).await?.and_then(|row| row.get(0));
    if size.is_some_and(|size| size.unsigned_abs() > LARGEST_RELEASE) {
        facts.push(("WARNING", "the server's extension is a debug build".to_owned()));
    }
    Ok(facts)
}

/// As typed, without the folder of the program.
fn command_line() -> String {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    std::iter::once(format!("cargo xtask {name}"))
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn commit() -> String {
    let ask = |arguments: &[&str]| {
        let asked = Command::new("git").args(arguments).output().ok()?;
        asked
            .status
            .success()
            .then(|| String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    };
    let Some(hash) = ask(&["rev-parse", "--short", "HEAD"]) else {
        return "?".to_owned();
    };
    match ask(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => hash,
        _ => format!("{hash} with changes"),
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}
