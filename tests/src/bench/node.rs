use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A program of `bench/` in Node that is talked to by lines. It ends with this value.
pub(super) struct Node {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// Where the programs and their packages are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench")
}

/// The lock file, and the copy of it beside what was installed by it.
fn locks() -> [PathBuf; 2] {
    ["package-lock.json", "node_modules/.installed-by.json"].map(|file| folder().join(file))
}

/// Whether what npm has put there is what the lock file asks for.
fn is_installed() -> bool {
    let [wanted, installed] = locks().map(|file| std::fs::read(file).ok());
    installed.is_some() && installed == wanted
}

/// Version of Node, after installing what the programs need; `None` without Node.
pub(super) async fn version() -> Result<Option<String>> {
    let Ok(asked) = Command::new("node").arg("--version").output().await else {
        return Ok(None);
    };
    if !is_installed() {
        let mut install = Command::new("npm");
        install
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(folder())
            .stdout(Stdio::null());
        let installed = install.status().await.context("npm is not installed")?;
        ensure!(installed.success(), "npm ci in {} failed", folder().display());
        let [wanted, installed] = locks();
        std::fs::copy(wanted, installed).context("noting what was installed")?;
    }
    Ok(Some(String::from_utf8_lossy(&asked.stdout).trim().to_owned()))
}

impl Node {
    /// Starts a program and waits until it says that it is ready.
    pub(super) async fn start(program: &str, argument: &str, environment: &[(&str, &str)]) -> Result<Node> {
        let mut command = Command::new("node");
        command
            .arg(folder().join(program))
            .arg(argument)
            .envs(environment.iter().copied());
        command.env("NODE_ENV", "production").env("NO_COLOR", "1");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("node")?;
        let orders = child.stdin.take().context("no pipe to node")?;
        let answers = child.stdout.take().context("no pipe from node")?;
        let mut node = Node {
            child,
            orders,
            answers: BufReader::new(answers).lines(),
        };
        let word = node.answer().await?;
        ensure!(word == "ready", "{program} says {word:?}");
        Ok(node)
    }

    /// Sends a line and waits for the answer.
    pub(super) async fn ask(&mut self, line: &str) -> Result<String> {
        self.orders.write_all(format!("{line}\n").as_bytes()).await?;
        self.answer().await
    }

    /// Process id.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it and waits for that.
    pub(super) async fn stop(self) -> Result<()> {
        let Node {
            mut child, orders, ..
        } = self;
        drop(orders);
        child.wait().await.context("node")?;
        Ok(())
    }

    async fn answer(&mut self) -> Result<String> {
        match self.answers.next_line().await? {
            Some(line) => Ok(line),
            None => bail!("the program in Node has ended; its errors are above"),
        }
    }
}
