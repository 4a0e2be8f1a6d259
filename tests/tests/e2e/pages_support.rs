//! What the tests of pages share: the code on a page, and the pages' settings in the hands of the real check.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use insforge_tests::sidecar::Plan;

/// Code on a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) language: String,
    /// The file it belongs into, where the page says so.
    pub(crate) file: Option<String>,
    pub(crate) text: String,
}

/// Everything between fences, in the page's order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(opening) = line.strip_prefix("```") else {
            continue;
        };
        let (language, file) = opening.split_once(' ').unwrap_or((opening, ""));
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        found.push(Block {
            language: language.to_owned(),
            file: (!file.is_empty()).then(|| file.to_owned()),
            text: text.join("\n") + "\n",
        });
    }
    found
}

/// The texts in one language.
pub(crate) fn texts(page: &str, language: &str) -> Vec<String> {
    blocks(page)
        .into_iter()
        .filter(|block| block.language == language)
        .map(|block| block.text)
        .collect()
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder that is removed when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one, whose name tells whose it is.
    pub(crate) fn new(name: &str) -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("insforge-page-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, making the folders it is in.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().context("a file's folder")?)?;
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// `config check` of a file with this text finds nothing wrong.
pub(crate) fn check_settings(folder: &Folder, plan: &Plan, toml: &str) -> Result<()> {
    let file = folder.write("checked.toml", toml)?;
    let output = plan
        .command(&["config", "check", "--config", &file.to_string_lossy()])?
        .output()?;
    ensure!(
        output.status.success() && said(&output).ends_with("the configuration is valid\n"),
        "{}\nof\n{toml}",
        said(&output)
    );
    Ok(())
}

/// What a program has written.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
