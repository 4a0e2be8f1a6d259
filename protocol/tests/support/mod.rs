//! Vector files and a buyer to sign with.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here fails the test"
)]

pub(crate) mod buyer;
pub(crate) mod judging;

use std::path::Path;

use insforge_protocol::evm::Domain;
use serde_json::Value;

/// The file that the environment variable names, else our own of this name. Tests run in the crate's folder,
/// people type paths in the workspace's: a relative path may be meant from either.
pub(crate) fn vectors(variable: &str, file: &str) -> Value {
    let Some(path) = std::env::var_os(variable) else {
        return own_vectors(file);
    };
    let from_workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&path);
    if from_workspace.exists() {
        read(&from_workspace)
    } else {
        read(Path::new(&path))
    }
}

/// Our own vector file of this name.
pub(crate) fn own_vectors(file: &str) -> Value {
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/vectors")
            .join(file),
    )
}

fn read(path: &Path) -> Value {
    let json = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A domain as vector files write it.
pub(crate) fn domain(value: &Value) -> Domain {
    Domain {
        name: text(value, "name").to_owned().into(),
        version: text(value, "version").to_owned().into(),
        chain_id: value["chainId"].as_u64().expect("`chainId` is a number"),
        verifying_contract: text(value, "verifyingContract")
            .parse()
            .expect("`verifyingContract` is an address"),
    }
}

/// A string member.
pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member]
        .as_str()
        .unwrap_or_else(|| panic!("`{member}` is a string in {value}"))
}
