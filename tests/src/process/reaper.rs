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
        -*) pids="${pids%% $pid *} ${pids#* $pid }" ;;
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
