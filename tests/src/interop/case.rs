use std::time::Duration;

use alloy_primitives::hex;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::parties::Client;
use super::program::Program;
use super::scene::{PAYEE, PRICE, Scene};
use super::tap::{Exchange, Tap};
use crate::buyer::Buyer;
use crate::wait::wait_until;

/// What a buyer has at first.
const PURSE: u64 = 1_000_000;
/// Longest wait until a payment of unknown outcome has bought its resource.
const SOON: Duration = Duration::from_secs(60);

/// What happens to the facilitator's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// Nothing.
    Plain,
    /// Nothing; but on a busy machine a hasty sidecar may tell that the outcome is open.
    Between,
    /// It is lost. What became of the payment can be found out while the buyer waits.
    Lost,
    /// It is lost, and nothing can be found out before the buyer was told that the outcome is open.
    Open,
}

/// One purchase.
pub(super) struct Case<'a> {
    pub(super) client: &'a Client,
    pub(super) tap: &'a Tap,
    pub(super) path: String,
    /// What is sold there.
    pub(super) resource: String,
    pub(super) trial: Trial,
}

impl Case<'_> {
    /// The buyer buys, and again with the same payment while it has not got its resource; then chain, ledger and
    /// wire are compared. Returns the statuses that answered the payment, each once.
    pub(super) async fn run(&self, scene: &Scene, buyer: &mut Program) -> Result<String> {
        let (url, key, payer) = self.prepare(scene).await?;
        let lost = matches!(self.trial, Trial::Lost | Trial::Open);
        if lost {
            scene.chain.lose(self.trial == Trial::Open).await?;
        }
        let mut told = buyer.ask(&json!({ "url": url, "key": key })).await?;
        let first = told.clone();
        if lost {
            let has_lost = || async { Ok(scene.chain.has_lost().await?.then_some(())) };
            wait_until(SOON, "an answer of /settle is lost", has_lost)
                .await
                .with_context(|| format!("the buyer was told {told}"))?;
            scene.chain.light().await?;
        }
        if told["status"] != 200 && self.trial != Trial::Plain {
            let buyer = Mutex::new(buyer);
            let again = || async { again(*buyer.lock().await, &url).await };
            told = wait_until(SOON, "the resource", again)
                .await
                .with_context(|| format!("it was told {first} first"))?;
        }
        ensure!(told["status"] == 200, "the buyer got {told}");
        ensure!(told["body"] == self.resource.as_str(), "the buyer got {told}");
        let transaction = self.compare_with_the_wire()?;
        self.compare_with_the_chain(scene, &payer, &transaction).await?;
        compare_with_the_ledger(scene, &payer, &transaction).await?;
        Ok(self.statuses())
    }

    /// A buyer who cannot buy here: it says why, and has paid nothing.
    pub(super) async fn refuse(&self, scene: &Scene, buyer: &mut Program, sign: &str) -> Result<()> {
        let (url, key, payer) = self.prepare(scene).await?;
        let told = buyer.ask(&json!({ "url": url, "key": key })).await?;
        let why = told["error"].as_str().unwrap_or_default();
        ensure!(
            why.contains(sign),
            "it is expected to fail with {sign:?}, and says {told}"
        );
        let account = scene.chain.account(self.client.money.chain(), &payer).await?;
        ensure!(account.used.is_empty(), "it has paid all the same");
        Ok(())
    }

    async fn prepare(&self, scene: &Scene) -> Result<(String, String, String)> {
        let key = hex::encode_prefixed(rand::random::<[u8; 32]>());
        let payer = format!("{:#x}", Buyer::from_hex(&key)?.address);
        scene.chain.fund(self.client.money.chain(), &payer, PURSE).await?;
        Ok((format!("http://{}{}", self.tap.address, self.path), key, payer))
    }

    fn paid(&self) -> Vec<Exchange> {
        let seen = self.tap.seen(&self.path);
        seen.into_iter().filter(|one| one.payment.is_some()).collect()
    }

    /// One signature, never asked for another; the last answer names the transaction.
    fn compare_with_the_wire(&self) -> Result<String> {
        let paid = self.paid();
        let (first, last) = (
            paid.first().context("no payment was sent")?,
            paid.last().context("none")?,
        );
        for one in &paid {
            ensure!(one.payment == first.payment, "the buyer has sent another payment");
            ensure!(
                !one.challenge,
                "a payment was answered with a fresh challenge: {one:?}"
            );
        }
        ensure!(
            self.trial != Trial::Open || first.status != 200,
            "nobody could know that the payment has settled, and it was said"
        );
        let settlement = last
            .settlement
            .as_ref()
            .context("no PAYMENT-RESPONSE with the resource")?;
        ensure!(
            settlement["success"] == true,
            "PAYMENT-RESPONSE with the resource: {settlement}"
        );
        let transaction = settlement["transaction"]
            .as_str()
            .context("it names no transaction")?;
        Ok(transaction.to_owned())
    }

    async fn compare_with_the_chain(&self, scene: &Scene, payer: &str, transaction: &str) -> Result<()> {
        let account = scene.chain.account(self.client.money.chain(), payer).await?;
        ensure!(
            account.balance == (PURSE - PRICE).to_string(),
            "the buyer is left with {account:?}"
        );
        ensure!(
            account.used.len() == 1 && account.transfers.len() == 1,
            "not one transfer: {account:?}"
        );
        let (used, transfer) = (&account.used[0], &account.transfers[0]);
        ensure!(
            used.tx == transaction && transfer.tx == transaction,
            "the buyer was told {transaction}: {account:?}"
        );
        ensure!(
            transfer.to.eq_ignore_ascii_case(PAYEE) && transfer.value == PRICE.to_string(),
            "the wrong transfer: {account:?}"
        );
        Ok(())
    }

    fn statuses(&self) -> String {
        let mut all: Vec<String> = self.paid().iter().map(|one| one.status.to_string()).collect();
        all.dedup();
        all.join(", ")
    }
}

async fn again(buyer: &mut Program, url: &str) -> Result<Option<Value>> {
    let told = buyer.ask(&json!({ "url": url, "again": true })).await?;
    if told["status"] != 200 {
        bail!("it was told {told}");
    }
    Ok(Some(told))
}

async fn compare_with_the_ledger(scene: &Scene, payer: &str, transaction: &str) -> Result<()> {
    let sql =
        "SELECT coalesce(jsonb_agg(jsonb_build_object('status', status, 'amount', amount, 'tx', tx_hash,
                      'delivered', delivered_at IS NOT NULL, 'mock', mock)), '[]')
               FROM x402_payments WHERE lower(payer_address) = $1";
    let rows: Value = scene.ledger.query_one(sql, &[&payer]).await?.try_get(0)?;
    let expected = json!([{ "status": "settled", "amount": PRICE.to_string(), "tx": transaction,
        "delivered": true, "mock": false }]);
    ensure!(
        rows == expected,
        "the ledger holds {rows}, and should hold {expected}"
    );
    Ok(())
}
