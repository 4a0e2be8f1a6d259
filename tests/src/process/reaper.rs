use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use parking_lot::Mutex;

/// Reads `+pid` and `-pid`; when its standard input ends, because we ended in whatever way, it kills the
/// processes that are still on its list.
const SCRIPT: &str = r#"
trap '' HUP INT PIPE TERM
pids=" "
while read -r line; do
    pid=${line#?}
    case $line in
        +*) pids="$pids$pid " ;;
        -*) case $pids in *" $pid "*) pids="${pids%% $pid *} ${pids#* $pid }" ;; esac ;;
    esac
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
"#;

fn pipe() -> Result<&'static Mutex<ChildStdin>> {
    static PIPE: OnceLock<Result<Mutex<ChildStdin>, String>> = OnceLock::new();
    let pipe = PIPE.get_or_init(|| start().map(Mutex::new).map_err(|e| format!("{e:#}")));
    pipe.as_ref().map_err(|e| anyhow!(e.clone()))
}

fn start() -> Result<ChildStdin> {
    use std::os::unix::process::CommandExt;
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).process_group(0);
    let mut shell = shell.spawn().context("no shell for the reaper")?;
    shell.stdin.take().context("no pipe to the reaper")
}

/// Puts a process on the list.
pub(super) fn watch(pid: u32) -> Result<()> {
    writeln!(pipe()?.lock(), "+{pid}").context("the reaper is gone")
}

/// Takes a process off the list: it has ended, and its number may be given to another one.
pub(super) fn forget(pid: u32) {
    if let Ok(pipe) = pipe() {
        // A reaper that is gone cannot kill the wrong process either.
        drop(writeln!(pipe.lock(), "-{pid}"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::wait_until;

    #[tokio::test]
    async fn a_process_that_is_forgotten_twice_is_off_the_list_and_no_other_is_on_it_twice() {
        // Beyond the largest number that Linux gives to a process.
        const NOBODY: u32 = 4_194_304;
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT]).stdin(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut pipe = shell.stdin.take().unwrap();
        writeln!(pipe, "+{NOBODY}").unwrap();
        for pid in NOBODY + 1..NOBODY + 64 {
            write!(pipe, "+{pid}\n-{pid}\n-{pid}\n").unwrap();
        }
        drop(pipe);
        // A list that doubles each time would take years.
        let ended = wait_until(Duration::from_secs(20), "the end of the reaper", || {
            let ended = shell.try_wait();
            async { Ok(ended?) }
        })
        .await;
        shell.kill().unwrap();
        assert!(ended.is_ok());
    }
}
