use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::program::Program;
use crate::http;
use crate::standin::Credentials;

/// The real EVMs and the facilitator in front of them: one process.
pub(super) struct Chain {
    _process: Program,
    pub(super) url: String,
}

/// What a chain knows of an account.
#[derive(Debug, Deserialize)]
pub(super) struct Account {
    /// In smallest units.
    pub(super) balance: String,
    /// Used authorizations.
    pub(super) used: Vec<Used>,
    /// Transfers from it.
    pub(super) transfers: Vec<Transfer>,
}

/// A used authorization.
#[derive(Debug, Deserialize)]
pub(super) struct Used {
    pub(super) tx: String,
}

/// A transfer.
#[derive(Debug, Deserialize)]
pub(super) struct Transfer {
    pub(super) to: String,
    pub(super) value: String,
    pub(super) tx: String,
}

/// What the facilitator knows its only customer by.
pub(super) fn credentials() -> Credentials {
    let [key, secret, passphrase] =
        ["interop-key", "interop-secret", "interop-passphrase"].map(str::to_owned);
    Credentials {
        key,
        secret,
        passphrase,
    }
}

impl Chain {
    /// Starts both.
    pub(super) async fn start(node: &Path) -> Result<Chain> {
        let mut process = Program::start("the chain", node, &["node", "chain/main.mjs"], &[])?;
        let ready = process.message().await?;
        let port = ready["port"].as_u64().context("the chain says no port")?;
        Ok(Chain {
            _process: process,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    /// JSON-RPC of a chain.
    pub(super) fn rpc(&self, chain: u64) -> String {
        format!("{}/rpc/{chain}", self.url)
    }

    async fn admin(&self, what: &str, order: Value) -> Result<Value> {
        let asked = http::client()?.post(format!("{}/admin/{what}", self.url));
        let answer = asked.json(&order).send().await?;
        let (status, body) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{what} of the chain: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// `DOMAIN_SEPARATOR()` of a chain's token.
    pub(super) async fn domain(&self, chain: u64) -> Result<Value> {
        self.admin("domain", json!({ "chain": chain })).await
    }

    /// Gives an account money.
    pub(super) async fn fund(&self, chain: u64, address: &str, value: u64) -> Result<()> {
        let order = json!({ "chain": chain, "address": address, "value": value });
        self.admin("fund", order).await.map(drop)
    }

    /// What a chain knows of an account.
    pub(super) async fn account(&self, chain: u64, address: &str) -> Result<Account> {
        let order = json!({ "chain": chain, "address": address });
        Ok(serde_json::from_value(self.admin("account", order).await?)?)
    }

    /// Loses the answer of the next settle, after it was executed; if `dark`, nobody learns anything from the
    /// facilitator or the chains until [`Self::light`].
    pub(super) async fn lose(&self, dark: bool) -> Result<()> {
        self.admin("lose", json!({ "dark": dark })).await.map(drop)
    }

    /// Whether an answer was lost since [`Self::lose`].
    pub(super) async fn has_lost(&self) -> Result<bool> {
        Ok(self.admin("lost", json!({})).await? == true)
    }

    /// Ends the dark.
    pub(super) async fn light(&self) -> Result<()> {
        self.admin("light", json!({})).await.map(drop)
    }
}
