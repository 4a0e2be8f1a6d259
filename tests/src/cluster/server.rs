use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;

use super::install::Installation;
use super::options::{Options, SMALL_DISK};
use crate::port::free_address;

/// Folder of the clusters. Not `TMPDIR`: a socket's path must stay below 108 bytes, and the
/// unprivileged user must be able to reach it.
const PARENT: &str = "/tmp";
/// Another process may take the free port before the server binds it; then another one is tried.
const PORT_ATTEMPTS: usize = 5;

/// A running throw-away server. Dropping it, or ending the process in any way, removes it.
#[derive(Debug)]
pub struct Server {
    /// Port on 127.0.0.1.
    pub port: u16,
    /// Folder of data, socket and logs.
    pub dir: PathBuf,
    /// The programs it runs.
    pub installation: Installation,
    supervisor: Mutex<Supervisor>,
}

#[derive(Debug)]
struct Supervisor {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Creates and starts a cluster.
    ///
    /// # Errors
    /// No server is installed, or it does not start; its log goes to standard error.
    pub fn start(options: &Options) -> Result<Server> {
        let installation = Installation::find()?;
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            let port = free_address()?.port();
            match Supervisor::start(&installation, port, options) {
                Ok((supervisor, dir)) => {
                    return Ok(Server {
                        port,
                        dir,
                        installation,
                        supervisor: Mutex::new(supervisor),
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last
            .unwrap_or_else(|| anyhow::anyhow!("not tried"))
            .context("no Postgres cluster"))
    }

    /// Connection string for a user and a database.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!(
            "postgres://{user}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// What a person types to look into a database.
    pub fn psql(&self, database: &str) -> String {
        format!("psql -h 127.0.0.1 -p {} -U postgres {database}", self.port)
    }

    /// Stops the server as an operator would (fast mode) and waits for it.
    pub fn stop(&self) -> Result<()> {
        self.supervisor.lock().command("stop")
    }

    /// Stops the server as a crash would (immediate mode) and waits for it.
    pub fn crash(&self) -> Result<()> {
        self.supervisor.lock().command("kill")
    }

    /// Starts a stopped server on the same port and waits until it accepts connections.
    pub fn resume(&self) -> Result<()> {
        self.supervisor.lock().command("start")
    }
}

pub(super) fn url(port: u16, user: &str, database: &str) -> String {
    format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable")
}

impl Supervisor {
    fn start(installation: &Installation, port: u16, options: &Options) -> Result<(Supervisor, PathBuf)> {
        let mut command = unprivileged_shell(Path::new("/"), options.small_disk)?;
        command.arg(include_str!("supervise.sh")).arg("supervise");
        command
            .arg(&installation.bin)
            .arg(PARENT)
            .arg(port.to_string())
            .args(options.lines());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("shell not started")?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("no pipe from the shell")?);
        let mut supervisor = Supervisor {
            child,
            commands,
            answers,
        };
        let dir = supervisor.line()?;
        supervisor.expect_ok("initdb and start")?;
        Ok((supervisor, PathBuf::from(dir)))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("the supervisor is gone")?;
        Ok(line.trim_end().to_owned())
    }

    fn expect_ok(&mut self, what: &str) -> Result<()> {
        match self.line()?.as_str() {
            "ok" => Ok(()),
            other => bail!("{what}: {other:?} (its log is above)"),
        }
    }

    fn command(&mut self, word: &str) -> Result<()> {
        let pipe = self.commands.as_mut().context("the supervisor is gone")?;
        writeln!(pipe, "{word}").context("the supervisor is gone")?;
        self.expect_ok(word)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.commands.take());
        drop(self.child.wait());
    }
}

/// `sh -c` as a user that Postgres agrees to run as, in a process group of its own so that Ctrl-C in a
/// terminal leaves it time to clean up, and with none of the caller's environment. A small disk is mounted
/// in a namespace of its own: it is gone with the last process there.
fn unprivileged_shell(cwd: &Path, small_disk: Option<u32>) -> Result<Command> {
    use std::os::unix::process::CommandExt;
    let mut command = if let Some(megabytes) = small_disk {
        let mount = format!(
            "mount -t tmpfs -o size={megabytes}m,uid=postgres,gid=postgres,mode=700 tmpfs {SMALL_DISK}"
        );
        let mut unshare = Command::new("unshare");
        let then = format!("{mount} && exec runuser -u postgres -- sh -c \"$@\"");
        unshare.args(["--mount", "sh", "-c", &then, "sh"]);
        unshare
    } else if is_root()? {
        let mut runuser = Command::new("runuser");
        runuser.args(["-u", "postgres", "--", "sh", "-c"]);
        runuser
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c");
        shell
    };
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    command
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C")
        .current_dir(cwd)
        .process_group(0);
    Ok(command)
}

fn is_root() -> Result<bool> {
    let out = Command::new("id").arg("-u").output().context("`id -u` not run")?;
    Ok(out.stdout.trim_ascii() == b"0")
}
