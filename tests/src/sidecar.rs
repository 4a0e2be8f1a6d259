//! The real sidecar as a child process.

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::http;
use crate::port::free_address;
use crate::process::{Log, Process, Signal};
use crate::standin::StandIn;
use crate::wait::wait_until;

/// Names the sidecar's binary, if it is not in the target folder.
const BINARY_VARIABLE: &str = "INSFORGE_SIDECAR_BIN";
/// Generous: a debug build on a busy machine.
const START: Duration = Duration::from_secs(30);

/// How to start a sidecar: its environment, and nothing of ours.
#[derive(Debug, Clone)]
pub struct Plan {
    environment: BTreeMap<String, String>,
    health: SocketAddr,
}

impl Plan {
    /// For a database, without a facilitator.
    ///
    /// # Errors
    /// No port is free.
    pub fn new(database_url: &str) -> Result<Plan> {
        let health = free_address()?;
        let plan = Plan {
            environment: BTreeMap::new(),
            health,
        };
        let path = env::var("PATH").unwrap_or_default();
        let plan = plan.set("PATH", &path).set("DATABASE_URL", database_url);
        // The limit is for OKX's sake; only tests about it want to wait for it.
        let plan = plan.set("INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", "0");
        Ok(plan.set("INSFORGE_SIDECAR_LISTEN", &health.to_string()))
    }

    /// For a database and a stand-in.
    ///
    /// # Errors
    /// No port is free.
    pub fn settling(database_url: &str, standin: &StandIn) -> Result<Plan> {
        let known = standin.credentials();
        let plan = Plan::new(database_url)?.set("OKX_BASE_URL", &standin.url());
        let plan = plan
            .set("OKX_API_KEY", &known.key)
            .set("OKX_SECRET_KEY", &known.secret);
        Ok(plan.set("OKX_PASSPHRASE", &known.passphrase))
    }

    /// Sets a variable of the sidecar's environment.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Plan {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The command with any arguments, for other subcommands than `run`.
    ///
    /// # Errors
    /// The binary is not built.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command.args(arguments).env_clear().envs(&self.environment);
        Ok(command)
    }

    /// Starts it and does not wait.
    ///
    /// # Errors
    /// The binary is not built.
    pub fn launch(&self) -> Result<Sidecar> {
        self.launch_with(&[])
    }

    /// The same with options of `run`.
    ///
    /// # Errors
    /// The binary is not built.
    pub fn launch_with(&self, options: &[&str]) -> Result<Sidecar> {
        Ok(Sidecar {
            process: Process::spawn(self.command(&[&["run"][..], options].concat())?)?,
            health: self.health,
        })
    }

    /// Starts it and waits until `/readyz` is green.
    ///
    /// # Errors
    /// It does not get ready; its log is part of the message.
    pub async fn start(&self) -> Result<Sidecar> {
        let sidecar = self.launch()?;
        sidecar.ready(START).await?;
        Ok(sidecar)
    }
}

/// A running sidecar. Dropping it kills it.
#[derive(Debug)]
pub struct Sidecar {
    process: Process,
    health: SocketAddr,
}

impl Sidecar {
    /// What it has written.
    pub fn log(&self) -> &Log {
        self.process.log()
    }

    /// The process: kill, pause, resume.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// An address on its listener for health and metrics.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.health)
    }

    /// Whether `/readyz` is green right now.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn is_ready(&self) -> Result<bool> {
        Ok(http::client()?
            .get(self.url("/readyz"))
            .send()
            .await?
            .status()
            .is_success())
    }

    /// Waits until `/readyz` is green.
    ///
    /// # Errors
    /// It is not within `deadline`; the log is part of the message.
    pub async fn ready(&self, deadline: Duration) -> Result<()> {
        self.wait_readiness(deadline, true).await
    }

    /// Waits until `/readyz` is red.
    ///
    /// # Errors
    /// It is not within `deadline`; the log is part of the message.
    pub async fn unready(&self, deadline: Duration) -> Result<()> {
        self.wait_readiness(deadline, false).await
    }

    async fn wait_readiness(&self, deadline: Duration, wanted: bool) -> Result<()> {
        let look = || async {
            if let Some(status) = self.process.ended()? {
                bail!("the sidecar ended: {status}");
            }
            Ok((self.is_ready().await? == wanted).then_some(()))
        };
        let what = if wanted {
            "/readyz is green"
        } else {
            "/readyz is red"
        };
        let met = wait_until(deadline, what, look).await;
        met.with_context(|| format!("the sidecar's log:\n{}", self.log().text()))
    }

    /// Asks it to stop (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// It runs on beyond `deadline`.
    pub async fn stop(&self, deadline: Duration) -> Result<ExitStatus> {
        self.process.signal(Signal::TERM)?;
        self.process.wait(deadline).await
    }
}

/// Tests run from `target/<profile>/deps`, programs from `target/<profile>`; the sidecar is in the latter.
fn binary() -> Result<PathBuf> {
    if let Some(named) = env::var_os(BINARY_VARIABLE) {
        return Ok(PathBuf::from(named));
    }
    let own = env::current_exe()?;
    let folders = own.ancestors().skip(1).take(2);
    let found = folders
        .map(|folder| folder.join("insforge-sidecar"))
        .find(|binary| binary.exists());
    found.context("insforge-sidecar is not built; `cargo build -p insforge-sidecar` does it")
}
