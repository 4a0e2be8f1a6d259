//! Running programs, each said before it runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

/// What went wrong, as a sentence for a person.
pub(crate) type Problem = String;

/// The root of the workspace that is being worked in: cargo says which. Two checkouts that share a target folder
/// share this program too.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let here = std::env::var_os("CARGO_MANIFEST_DIR");
        Path::new(here.as_deref().unwrap_or(env!("CARGO_MANIFEST_DIR").as_ref())).join("..")
    });
    &ROOT
}

/// A command in the workspace's root, without standard input: nothing may wait for a person.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Says what runs and runs it.
///
/// # Errors
/// The program does not start, or does not end with 0.
pub(crate) fn run(mut command: Command) -> Result<(), Problem> {
    let line = shown(&command);
    println!("\n$ {line}");
    let started = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    println!("-- {} s", started.elapsed().as_secs());
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` ended with {status}"))
    }
}

/// As [`run`], and gives every line of the program's standard output to `see`.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_watched(mut command: Command, mut see: impl FnMut(&str)) -> Result<(), Problem> {
    let line = shown(&command);
    println!("\n$ {line}");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if let Some(output) = child.stdout.take() {
        for text in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&text);
            println!("{text}");
            see(&text);
        }
    }
    let status = child
        .wait()
        .map_err(|error| format!("`{line}` was lost: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` ended with {status}"))
    }
}

/// What a program prints, or nothing where it is missing or fails.
pub(crate) fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = command(program, arguments).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether root runs us.
pub(crate) fn is_root() -> bool {
    output_of("id", &["-u"]).as_deref() == Some("0")
}

/// A command as root: through sudo, where that is not who we are.
pub(crate) fn as_root(program: &str, arguments: &[&str]) -> Command {
    if is_root() {
        return command(program, arguments);
    }
    let mut sudo = command("sudo", &["--preserve-env=DEBIAN_FRONTEND", program]);
    sudo.args(arguments);
    sudo
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
