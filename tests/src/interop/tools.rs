use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// Where the programs are, and what runs them.
pub(super) struct Tools {
    /// Folder of the programs in Node, with their packages.
    pub(super) node: PathBuf,
    /// Folder of the programs in Python.
    pub(super) python: PathBuf,
    /// The interpreter with their packages.
    pub(super) interpreter: String,
    /// Folder of the built programs in Rust; `None` if they are to be left out.
    pub(super) rust: Option<PathBuf>,
}

impl Tools {
    /// Installs what the lock files name and is not there yet.
    ///
    /// # Errors
    /// Node, Python or cargo is missing, or a registry does not answer.
    pub(super) async fn ready(root: &Path, target: &Path, with_rust: bool) -> Result<Tools> {
        let interop = root.join("interop");
        let (node, python) = (interop.join("node"), interop.join("python"));
        let made = target.join("interop");
        std::fs::create_dir_all(&made)?;
        let crates = async {
            match with_rust {
                true => crate_of_rust(&interop.join("rust"), &made.join("rust"))
                    .await
                    .map(Some),
                false => Ok(None),
            }
        };
        // Registries are slow in different ways: all at once.
        let ((), interpreter, rust) = tokio::try_join!(
            packages_of_node(&node, &made),
            packages_of_python(&python, &made),
            crates,
        )?;
        Ok(Tools {
            node,
            python,
            interpreter,
            rust,
        })
    }
}

async fn packages_of_node(folder: &Path, made: &Path) -> Result<()> {
    let lock = std::fs::read_to_string(folder.join("package-lock.json"))?;
    let stamp = made.join("node.lock");
    if folder.join("node_modules").exists() && is_stamped(&stamp, &lock) {
        return Ok(());
    }
    // None of the packages needs its install script: what these build has a fallback in JavaScript.
    run(
        folder,
        &["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    )
    .await?;
    Ok(std::fs::write(stamp, lock)?)
}

async fn packages_of_python(folder: &Path, made: &Path) -> Result<String> {
    let lock = std::fs::read_to_string(folder.join("requirements.txt"))?;
    let (stamp, environment) = (made.join("python.lock"), made.join("python"));
    let interpreter = environment.join("bin/python").display().to_string();
    if Path::new(&interpreter).exists() && is_stamped(&stamp, &lock) {
        return Ok(interpreter);
    }
    let path = environment.display().to_string();
    run(folder, &["python3", "-m", "venv", "--clear", &path]).await?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    let words = [&[interpreter.as_str()], &install[..], &["requirements.txt"]].concat();
    run(folder, &words).await?;
    std::fs::write(stamp, lock)?;
    Ok(interpreter)
}

async fn crate_of_rust(folder: &Path, target: &Path) -> Result<PathBuf> {
    let path = target.display().to_string();
    run(
        folder,
        &[
            "cargo",
            "build",
            "--quiet",
            "--locked",
            "--bins",
            "--target-dir",
            &path,
        ],
    )
    .await?;
    Ok(target.join("debug"))
}

fn is_stamped(stamp: &Path, lock: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|known| known == lock)
}

#[expect(
    clippy::print_stderr,
    reason = "an installation takes minutes, and a person waits for it"
)]
async fn run(folder: &Path, words: &[&str]) -> Result<()> {
    let started = Instant::now();
    let line = words.join(" ");
    let (program, arguments) = words.split_first().context("no command")?;
    let mut command = Command::new(program);
    let status = command
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .status();
    let status = status
        .await
        .with_context(|| format!("`{program}` is needed and does not start"))?;
    ensure!(
        status.success(),
        "`{line}` in {} ended with {status}",
        folder.display()
    );
    eprintln!("  {line}: {} s", started.elapsed().as_secs());
    Ok(())
}
