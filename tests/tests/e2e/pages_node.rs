//! The JavaScript of the pages about providers, run by Node beside stand-ins for the packages it imports.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::pages_support::{Folder, blocks, root, said};

/// Resolves a package's every subpath to one stand-in.
const MANIFEST: &str = r#"{"type": "module", "exports": {".": "./index.js", "./*": "./index.js"}}"#;

/// Whether Node is here; where it is not, that is said.
pub(crate) fn is_here() -> bool {
    let found = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED: Node is not installed, so the JavaScript of the pages was not run");
    }
    found
}

/// Writes the pages' files, the stand-ins and the driver.
pub(crate) fn lay_out(folder: &Folder, pages: &[&str]) -> Result<()> {
    folder.write("package.json", r#"{"type": "module"}"#)?;
    for block in pages.iter().flat_map(|page| blocks(page)) {
        if block.language == "js" {
            folder.write(&block.file.context("JavaScript without a file")?, &block.text)?;
        }
    }
    let fixtures = root().join("tests/fixtures/pages");
    folder.write(
        "driver.mjs",
        &std::fs::read_to_string(fixtures.join("driver.mjs"))?,
    )?;
    for entry in std::fs::read_dir(fixtures.join("packages"))? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .replace("__", "/");
        folder.write(&format!("node_modules/{name}/package.json"), MANIFEST)?;
        folder.write(
            &format!("node_modules/{name}/index.js"),
            &std::fs::read_to_string(&path)?,
        )?;
    }
    Ok(())
}

/// Runs a program in the folder; what it prints, as JSON.
pub(crate) async fn run(folder: &Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Value> {
    let mut command = Command::new("node");
    command
        .args(arguments)
        .current_dir(folder.path())
        .envs(environment.iter().copied())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).with_context(|| said(&output))
}
