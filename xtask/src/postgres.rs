//! The Postgres server to build for: the newest that is installed and supported.

use std::path::{Path, PathBuf};

use crate::packages;
use crate::shell::{Problem, is_root, output_of};

/// Majors that the extension has a feature for.
const SUPPORTED: std::ops::RangeInclusive<u32> = 15..=18;

/// Where Debian and Ubuntu have their servers.
const DEBIAN: &str = "/usr/lib/postgresql";

/// An installed server.
pub(crate) struct Server {
    /// Major version: 15 becomes the feature `pg15`.
    pub(crate) major: u32,
    /// Folder of `postgres`, `initdb` and `pg_config`.
    pub(crate) bin: PathBuf,
}

impl Server {
    /// The cargo feature of this major.
    pub(crate) fn feature(&self) -> String {
        format!("pg{}", self.major)
    }

    /// Path of `pg_config`.
    pub(crate) fn pg_config(&self) -> String {
        self.bin.join("pg_config").display().to_string()
    }

    /// Whether we may copy an extension into it: as root, or where its folders are ours (Homebrew).
    pub(crate) fn is_ours(&self) -> bool {
        let folder = output_of(&self.pg_config(), &["--sharedir"]).unwrap_or_default();
        output_of("test", &["-w", &format!("{folder}/extension")]).is_some()
    }
}

/// Finds the server, or installs the system's own, together with what building against it takes.
///
/// # Errors
/// No supported server is there after installing.
pub(crate) fn ensure() -> Result<Server, Problem> {
    if newest().is_none() {
        packages::ensure(&["postgresql"])?;
    }
    let server = newest().ok_or_else(|| {
        format!(
            "no Postgres server from {} to {} found; install one",
            SUPPORTED.start(),
            SUPPORTED.end()
        )
    })?;
    let headers = format!("postgresql-server-dev-{}", server.major);
    let mut wanted = vec![headers.as_str(), "libclang-dev", "gcc", "libc6-dev"];
    if is_root() {
        wanted.push("sudo"); // cargo-pgrx runs its test server as another user through it
    }
    packages::ensure(&wanted)?;
    Ok(server)
}

/// What checks the bodies of functions in a test, for a server of Debian's or Ubuntu's packages.
///
/// # Errors
/// apt-get fails.
pub(crate) fn ensure_checker(server: &Server) -> Result<(), Problem> {
    if server.bin.starts_with(DEBIAN) {
        packages::ensure(&[&format!("postgresql-{}-plpgsql-check", server.major)])?;
    }
    Ok(())
}

fn newest() -> Option<Server> {
    let debian = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut bins: Vec<PathBuf> = debian.map(|folder| folder.path().join("bin")).collect();
    bins.extend(output_of("pg_config", &["--bindir"]).map(PathBuf::from));
    bins.iter()
        .filter_map(|bin| inspect(bin))
        .max_by_key(|server| server.major)
}

/// A client alone has no `postgres` and does not count.
fn inspect(bin: &Path) -> Option<Server> {
    let version = output_of(&bin.join("postgres").display().to_string(), &["--version"])?;
    let digits: String = version
        .split_whitespace()
        .nth(2)?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let major = digits.parse().ok().filter(|major| SUPPORTED.contains(major))?;
    Some(Server {
        major,
        bin: bin.to_owned(),
    })
}
