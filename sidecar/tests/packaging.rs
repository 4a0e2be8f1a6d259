//! The files we ship for operators agree with the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use insforge_sidecar::config::{OPTIONS, Raw, Settings};

const UNIT: &str = include_str!("../../packaging/insforge-sidecar.service");
const PAGE: &str = include_str!("../../docs/operations.md");

fn setting(name: &str) -> Option<&'static str> {
    UNIT.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn systemd_waits_longer_than_a_stop_takes() {
    let environment = [
        ("DATABASE_URL", "postgres://sidecar@localhost/app"),
        ("MOCK_OKX_FACILITATOR", "true"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let raw = Raw::gather(None, environment).unwrap();
    let grace = Settings::from_raw(&raw).unwrap().settler.grace;
    let flush = Duration::from_secs(5);
    let patience: u64 = setting("TimeoutStopSec")
        .unwrap()
        .strip_suffix('s')
        .unwrap()
        .parse()
        .unwrap();
    assert!(Duration::from_secs(patience) > grace + flush);
}

#[test]
fn the_unit_starts_commands_that_exist() {
    let start = setting("ExecStart").unwrap();
    assert!(
        start.starts_with("/usr/local/bin/insforge-sidecar run --config "),
        "{start}"
    );
    let check = setting("ExecStartPre").unwrap();
    assert!(
        check.starts_with("/usr/local/bin/insforge-sidecar config check --config "),
        "{check}"
    );
}

#[test]
fn the_operations_page_names_only_options_that_exist() {
    let words: BTreeSet<&str> = PAGE
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| {
            word.starts_with("INSFORGE_SIDECAR_") || word.starts_with("MOCK_") || word.ends_with("_URL")
        })
        .collect();
    assert!(words.len() >= 3, "{words:?}");
    for word in words {
        assert!(OPTIONS.iter().any(|option| option.env == word), "{word}");
    }
    let keys = PAGE.split('`').filter(|word| {
        let section = word.split('.').next().unwrap_or_default();
        ["settler", "okx", "database"].contains(&section) && word.contains('.') && !word.contains(' ')
    });
    for key in keys {
        assert!(OPTIONS.iter().any(|option| option.key == key), "{key}");
    }
}
