use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Longest wait for a line: a program that starts on a busy machine, a client that waits for its seller.
const PATIENCE: Duration = Duration::from_secs(90);

/// A program in any language that is talked to by lines of JSON. It ends with its standard input, thus with this
/// value and with this process.
pub(super) struct Program {
    name: String,
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts a program and does not wait.
    pub(super) fn start(
        name: &str,
        folder: &Path,
        words: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let (program, arguments) = words.split_first().context("no command")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        command.envs(environment.iter().copied()).env("NO_COLOR", "1");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("{name}: {program} does not start"))?;
        let orders = child.stdin.take().context("no pipe to it")?;
        let answers = child.stdout.take().context("no pipe from it")?;
        Ok(Program {
            name: name.to_owned(),
            child,
            orders,
            answers: BufReader::new(answers).lines(),
        })
    }

    /// Its next message.
    ///
    /// # Errors
    /// It ends or says nothing.
    pub(super) async fn message(&mut self) -> Result<Value> {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.answers.next_line()).await;
            let line = line.with_context(|| format!("{} says nothing for {PATIENCE:?}", self.name))??;
            let Some(line) = line else {
                let status = self.child.wait().await?;
                bail!("{} has ended: {status}; its errors are above", self.name);
            };
            // Libraries may greet on standard output.
            if let Ok(message) = serde_json::from_str(&line) {
                return Ok(message);
            }
        }
    }

    /// Sends a message and waits for the answer.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub(super) async fn ask(&mut self, message: &Value) -> Result<Value> {
        self.orders.write_all(format!("{message}\n").as_bytes()).await?;
        self.message().await
    }
}
