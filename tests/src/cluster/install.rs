use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Names the `bin` folder of the server to test with. `cargo xtask` sets it to the server it has built
/// the extension for.
const BIN_VARIABLE: &str = "INSFORGE_TEST_PG_BIN";

/// Folders that hold one folder per installed major version, and the path from there to the programs.
const ROOTS: [(&str, &str); 3] = [
    ("/usr/lib/postgresql", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
];

/// An installed Postgres server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Folder with `initdb`, `pg_ctl` and `postgres`.
    pub bin: PathBuf,
    /// Major version.
    pub major: u32,
}

impl Installation {
    /// The server that the environment names, else the newest one found.
    ///
    /// # Errors
    /// No server is installed, or the one named does not start.
    pub fn find() -> Result<Installation> {
        if let Some(bin) = env::var_os(BIN_VARIABLE) {
            let bin = PathBuf::from(bin);
            return inspect(&bin).with_context(|| format!("{BIN_VARIABLE} names {}", bin.display()));
        }
        let found = candidates().into_iter().filter_map(|bin| inspect(&bin).ok());
        found.max_by_key(|i| i.major).context(
            "no Postgres server found; `cargo xtask setup` installs one, or set INSFORGE_TEST_PG_BIN to the \
             folder of `initdb`",
        )
    }

    /// A program of this installation.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut bins = Vec::new();
    if let Ok(out) = Command::new("pg_config").arg("--bindir").output() {
        bins.push(PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()));
    }
    for (root, rest) in ROOTS {
        let folders = std::fs::read_dir(root).into_iter().flatten().flatten();
        bins.extend(
            folders
                .map(|folder| folder.path().join(rest))
                .filter(|bin| bin.join("initdb").exists()),
        );
    }
    bins
}

fn inspect(bin: &Path) -> Result<Installation> {
    let out = Command::new(bin.join("postgres"))
        .arg("--version")
        .output()
        .context("`postgres` not run")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let major = major_version(&text).with_context(|| format!("not understood: {text:?}"))?;
    Ok(Installation {
        bin: bin.to_owned(),
        major,
    })
}

/// Reads `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`, betas included.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_version(""), None);
    }
}
