use std::fs;

use anyhow::{Context, Result};
use tokio_postgres::Client;

use crate::cluster::Server;

/// Unit of the times in `/proc/<pid>/stat`: Linux has always shown hundredths of a second there.
const TICKS_PER_SECOND: f64 = 100.0;

/// What has been spent so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    commits: i64,
    wal_bytes: i64,
    /// Seconds of processor time: the server, and this process (the facilitator).
    postgres: f64,
    own: f64,
}

/// What one payment costs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) commits: f64,
    pub(super) wal_bytes: f64,
    /// Microseconds of processor time.
    pub(super) worker: f64,
    pub(super) postgres: f64,
    pub(super) facilitator: f64,
}

impl Spent {
    /// Reads the counters. Every other connection to the database should be closed: a backend reports its
    /// commits late, but surely when it ends.
    pub(super) async fn read(client: &Client, server: &Server) -> Result<Spent> {
        let sql = "SELECT xact_commit, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
                   FROM pg_stat_database WHERE datname = current_database()";
        let row = client.query_one(sql, &[]).await?;
        Ok(Spent {
            commits: row.try_get(0)?,
            wal_bytes: row.try_get(1)?,
            postgres: server_seconds(server).unwrap_or(0.0),
            own: seconds(std::process::id()).unwrap_or(0.0),
        })
    }

    /// Per payment since `before`; `worker` is the processor time of the worker, which has ended by now.
    pub(super) fn since(self, before: Spent, worker: f64, payments: usize) -> Cost {
        let payments = payments as f64;
        Cost {
            commits: (self.commits - before.commits) as f64 / payments,
            wal_bytes: (self.wal_bytes - before.wal_bytes) as f64 / payments,
            worker: worker * 1e6 / payments,
            postgres: (self.postgres - before.postgres) * 1e6 / payments,
            facilitator: (self.own - before.own) * 1e6 / payments,
        }
    }
}

/// Processor time of a running process; `None` on systems without `/proc`.
pub(in crate::bench) fn seconds(pid: u32) -> Option<f64> {
    let fields = stat(pid)?;
    Some((fields.get(11)? + fields.get(12)?) / TICKS_PER_SECOND)
}

/// Most memory a running process has had, in megabytes.
pub(super) fn peak_megabytes(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024.0)
}

/// Processor time of the server's processes, of those that have ended as well.
pub(in crate::bench) fn server_seconds(server: &Server) -> Option<f64> {
    let file = fs::read_to_string(server.dir.join("data/postmaster.pid")).ok()?;
    let postmaster: u32 = file.lines().next()?.parse().ok()?;
    let fields = stat(postmaster)?;
    let ended = (fields.get(13)? + fields.get(14)?) / TICKS_PER_SECOND;
    let pids = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children =
        pids.filter(|pid| stat(*pid).is_some_and(|fields| fields.get(1) == Some(&f64::from(postmaster))));
    Some(ended + seconds(postmaster)? + children.filter_map(seconds).sum::<f64>())
}

/// The numbers after the process's name, which may hold anything; the state is read as 0.
fn stat(pid: u32) -> Option<Vec<f64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, numbers) = text.rsplit_once(')')?;
    Some(
        numbers
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0.0))
            .collect(),
    )
}
