use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, timeout_at};

use super::log::Log;
use super::reaper;
use crate::wait::wait_until;

/// A running child process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Mutex<Child>,
    pid: u32,
    log: Log,
}

impl Process {
    /// Starts a program, its output going to a [`Log`].
    ///
    /// # Errors
    /// It does not start.
    pub fn spawn(mut command: Command) -> Result<Process> {
        use std::os::unix::process::CommandExt;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let pid = child.id();
        reaper::watch(pid)?;
        let log = Log::new();
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            log.follow(out);
            log.follow(err);
        }
        Ok(Process {
            child: Mutex::new(child),
            pid,
            log,
        })
    }

    /// What it has written.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// The process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid.cast_signed()).context("no such process id")?;
        kill_process(pid, signal).with_context(|| format!("signal to {}", self.pid))
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn kill(&self) -> Result<()> {
        let mut child = self.child.lock();
        child.kill().and_then(|()| child.wait()).context("kill")?;
        reaper::forget(self.pid);
        Ok(())
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn ended(&self) -> Result<Option<ExitStatus>> {
        self.child.lock().try_wait().context("wait")
    }

    /// Waits until it ends and all that it wrote is in its log.
    ///
    /// # Errors
    /// It, or somebody who writes for it, runs on beyond `deadline`; its log is part of the message.
    pub async fn wait(&self, deadline: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + deadline;
        let ended = wait_until(deadline, "the end of the process", || async { self.ended() }).await;
        let status = ended.with_context(|| format!("its log:\n{}", self.log.text()))?;
        let whole = timeout_at(until, self.log.whole()).await;
        whole.with_context(|| format!("its output does not end; so far:\n{}", self.log.text()))?;
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing more to do then.
        drop(self.kill());
    }
}
