//! Debian packages, installed after saying so.

use crate::shell::{Problem, as_root, output_of, run};

/// Installs those of the packages that are missing. Elsewhere than on Debian and Ubuntu it says what to
/// install and goes on: it may be there under another name.
///
/// # Errors
/// apt-get fails.
pub(crate) fn ensure(wanted: &[&str]) -> Result<(), Problem> {
    if output_of("apt-get", &["--version"]).is_none() {
        println!(
            "This is not Debian or Ubuntu. Needed here: {}. Going on.",
            wanted.join(", ")
        );
        return Ok(());
    }
    let missing: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!(
        "Installing Debian packages that are missing: {}",
        missing.join(", ")
    );
    apt_get(&["update", "-q"])?;
    let mut arguments = vec!["install", "-y", "-q", "--no-install-recommends"];
    arguments.extend(missing);
    apt_get(&arguments)
}

fn is_installed(package: &str) -> bool {
    let status = output_of("dpkg-query", &["-W", "-f=${db:Status-Status}", package]);
    status.as_deref() == Some("installed")
}

fn apt_get(arguments: &[&str]) -> Result<(), Problem> {
    let mut apt = as_root("apt-get", arguments);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    run(apt)
}
