//! Node and Python, which the interoperation suite needs beside Rust.

use crate::packages;
use crate::shell::{Problem, output_of};

/// Installs those that are missing. They may be there without being Debian's.
///
/// # Errors
/// apt-get fails.
pub(crate) fn ensure() -> Result<(), Problem> {
    let mut wanted = Vec::new();
    if output_of("node", &["--version"]).is_none() {
        wanted.push("nodejs");
    }
    if output_of("npm", &["--version"]).is_none() {
        wanted.push("npm");
    }
    if output_of("python3", &["-c", "import ensurepip, venv"]).is_none() {
        wanted.push("python3-venv");
    }
    if wanted.is_empty() {
        return Ok(());
    }
    packages::ensure(&wanted)
}
