use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio_postgres::{Client, NoTls};

use super::server::Server;
use crate::port::free_address;
use crate::process::Process;
use crate::wait::wait_until;

/// Generous: a debug build on a busy machine.
const START: Duration = Duration::from_secs(30);

/// A streaming standby of a cluster; it ends with this value, and its files go with the cluster's folder.
#[derive(Debug)]
pub struct Standby {
    _process: Process,
    /// Port on 127.0.0.1.
    pub port: u16,
}

impl Standby {
    /// Copies a running server and follows it.
    ///
    /// # Errors
    /// The copy fails, or the standby does not answer.
    pub async fn of(primary: &Server) -> Result<Standby> {
        let port = free_address()?.port();
        let data = primary.dir.join("standby");
        let mut backup = unprivileged(primary.installation.program("pg_basebackup"))?;
        backup.args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-p",
            &primary.port.to_string(),
        ]);
        backup
            .args(["-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-D"])
            .arg(&data);
        let output = tokio::task::spawn_blocking(move || backup.output()).await??;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut server = unprivileged(primary.installation.program("postgres"))?;
        server
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-k"])
            .arg(&data);
        let standby = Standby {
            _process: Process::spawn(server)?,
            port,
        };
        wait_until(START, "the standby answers", || async {
            standby.client("postgres").await.map(Some)
        })
        .await?;
        Ok(standby)
    }

    /// Connection string as the superuser.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// A new connection as the superuser.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn client(&self, database: &str) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Waits until it has everything that the primary has written by now.
    ///
    /// # Errors
    /// It has not within half a minute.
    pub async fn caught_up(&self, primary: &Client) -> Result<()> {
        let written = "SELECT pg_current_wal_flush_lsn()::text";
        let written: String = primary.query_one(written, &[]).await?.get(0);
        let copy = self.client("postgres").await?;
        let replayed = || async {
            let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
            let replayed: bool = copy.query_one(&sql, &[]).await?.get(0);
            Ok(replayed.then_some(()))
        };
        wait_until(START, "the standby has what the primary has", replayed).await
    }

    /// Makes it the primary.
    ///
    /// # Errors
    /// It is one already, or does not become one.
    pub async fn promote(&self) -> Result<()> {
        let client = self.client("postgres").await?;
        client.execute("SELECT pg_promote(wait => true)", &[]).await?;
        Ok(())
    }
}

/// A program as a user that Postgres agrees to run as.
fn unprivileged(program: PathBuf) -> Result<Command> {
    let id = Command::new("id").arg("-u").output().context("`id -u` not run")?;
    let mut command = if id.stdout.trim_ascii() == b"0" {
        let mut setpriv = Command::new("setpriv");
        setpriv
            .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
            .arg(program);
        setpriv
    } else {
        Command::new(program)
    };
    command.env("LC_ALL", "C").current_dir("/");
    Ok(command)
}
