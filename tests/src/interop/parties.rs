use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::program::Program;
use super::tools::Tools;

/// What a program is written in: how it is started, and which lock file names its package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// `interop/node`
    Node,
    /// `interop/python`
    Python,
    /// `interop/rust`
    Rust,
}

/// A program around a real package.
#[derive(Debug, Clone, Copy)]
pub(super) struct Party {
    /// Name of the package, or what it is instead.
    pub(super) name: &'static str,
    pub(super) home: Home,
    /// Script, or built program.
    pub(super) program: &'static str,
    /// Packages whose versions are shown.
    pub(super) packages: &'static [&'static str],
}

/// A chain with the token that is paid with there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Money {
    /// USDG on X Layer.
    XLayer,
    /// USDC on Base: x402 v1's clients know a closed list of networks, without X Layer.
    Base,
}

impl Money {
    pub(super) const fn chain(self) -> u64 {
        match self {
            Money::XLayer => 196,
            Money::Base => 8453,
        }
    }
}

/// A buyer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    pub(super) party: Party,
    pub(super) money: Money,
}

const fn client(
    name: &'static str,
    home: Home,
    program: &'static str,
    packages: &'static [&'static str],
) -> Client {
    let party = Party {
        name,
        home,
        program,
        packages,
    };
    Client {
        party,
        money: Money::XLayer,
    }
}

/// Everybody who buys.
pub(super) const CLIENTS: &[Client] = &[
    client(
        "`@x402/fetch`",
        Home::Node,
        "buyers/fetch.mjs",
        &["@x402/fetch", "@x402/evm"],
    ),
    client(
        "`@x402/axios`",
        Home::Node,
        "buyers/axios.mjs",
        &["@x402/axios", "axios", "@x402/evm"],
    ),
    Client {
        money: Money::Base,
        ..client(
            "`x402-fetch` (v1)",
            Home::Node,
            "buyers/v1.mjs",
            &["x402-fetch", "x402"],
        )
    },
    client(
        "Python `x402`, httpx",
        Home::Python,
        "buyer_httpx.py",
        &["x402", "httpx"],
    ),
    client(
        "Python `x402`, requests",
        Home::Python,
        "buyer_requests.py",
        &["x402", "requests"],
    ),
    client(
        "Rust `x402-reqwest`",
        Home::Rust,
        "buyer",
        &["x402-reqwest", "x402-chain-eip155"],
    ),
    client("InsForge's guide", Home::Node, "buyers/insforge.mjs", &["viem"]),
];

const fn shop(
    name: &'static str,
    home: Home,
    program: &'static str,
    packages: &'static [&'static str],
) -> Party {
    Party {
        name,
        home,
        program,
        packages,
    }
}

/// Everybody who sells, beside the gateway.
pub(super) const SHOPS: &[Party] = &[
    shop(
        "`@x402/express`",
        Home::Node,
        "sellers/express.mjs",
        &["@x402/express", "express"],
    ),
    shop(
        "`@x402/hono`",
        Home::Node,
        "sellers/hono.mjs",
        &["@x402/hono", "hono"],
    ),
    shop(
        "Python `x402`, FastAPI",
        Home::Python,
        "seller_fastapi.py",
        &["x402", "fastapi"],
    ),
    shop("Rust `x402-axum`", Home::Rust, "seller", &["x402-axum", "axum"]),
];

impl Party {
    /// Starts the program; `None` if programs in its language are left out.
    pub(super) fn start(&self, tools: &Tools, environment: &[(&str, &str)]) -> Result<Option<Program>> {
        let start =
            |folder: &Path, words: &[&str]| Program::start(self.name, folder, words, environment).map(Some);
        match self.home {
            Home::Node => start(&tools.node, &["node", self.program]),
            Home::Python => start(&tools.python, &[&tools.interpreter, "-B", self.program]),
            Home::Rust => match &tools.rust {
                Some(folder) => start(folder, &[&folder.join(self.program).display().to_string()]),
                None => Ok(None),
            },
        }
    }

    /// Its packages with their versions, from the lock file.
    pub(super) fn versions(&self, root: &Path) -> Result<String> {
        let lock = self.home.lock(root);
        let text = std::fs::read_to_string(&lock).with_context(|| format!("{}", lock.display()))?;
        let version = |package: &&str| {
            let version = self.home.version(&text, package);
            let version = version.with_context(|| format!("{} names no {package}", lock.display()))?;
            Ok(format!("{package} {version}"))
        };
        let versions = self.packages.iter().map(version).collect::<Result<Vec<_>>>()?;
        Ok(versions.join(", "))
    }
}

impl Home {
    fn lock(self, root: &Path) -> PathBuf {
        let file = match self {
            Home::Node => "node/package-lock.json",
            Home::Python => "python/requirements.txt",
            Home::Rust => "rust/Cargo.lock",
        };
        root.join("interop").join(file)
    }

    fn version(self, lock: &str, package: &str) -> Option<String> {
        if self == Home::Node {
            let lock: serde_json::Value = serde_json::from_str(lock).ok()?;
            let entry = &lock["packages"][format!("node_modules/{package}")];
            return Some(entry["version"].as_str()?.to_owned());
        }
        let (before, end) = match self {
            Home::Rust => (format!("name = \"{package}\"\nversion = \""), '"'),
            _ => (format!("\n{package}=="), '\n'),
        };
        let rest = lock.split_once(&before)?.1;
        let version = rest.split_once(end).map_or(rest, |(version, _)| version);
        Some(version.split_whitespace().next()?.to_owned())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Money::XLayer => "USDG on X Layer",
            Money::Base => "USDC on Base",
        })
    }
}
