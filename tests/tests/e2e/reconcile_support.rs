//! What tests about reconciliation share: a sidecar with chain endpoints, and the state of a payment's proof.

use std::time::Duration;

use anyhow::Result;
use insforge_tests::sidecar::{Plan, Sidecar};
use insforge_tests::standin::StandIn;
use insforge_tests::wait::wait_until;
use uuid::Uuid;

use crate::scene::{SOON, Scene};

/// A payment that expires in a test needs at least the ten seconds in which nothing is started, and some blocks.
pub(crate) const EXPIRY: Duration = Duration::from_secs(60);

/// The proof that the ledger keeps of a payment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) finality: String,
    pub(crate) block_number: Option<i64>,
    pub(crate) log_index: Option<i32>,
    pub(crate) tx_hash: Option<String>,
}

impl Scene {
    /// A plan for a sidecar that asks these endpoints of the stand-in's chain and looks often.
    pub(crate) fn plan_with_chain(&self, endpoints: &[&str]) -> Result<Plan> {
        let urls: Vec<_> = endpoints.iter().map(|name| self.standin.rpc_url(name)).collect();
        let plan = self
            .plan()?
            .set("XLAYER_RPC_URLS", &urls.join(","))
            .set("INSFORGE_SIDECAR_CHAIN_REQUESTS_PER_SECOND", "0");
        Ok(plan
            .set("INSFORGE_SIDECAR_FINALITY_INTERVAL", "200ms")
            .set("INSFORGE_SIDECAR_SCAN_INTERVAL", "200ms")
            .set("INSFORGE_SIDECAR_RECONCILE_PATIENCE", "2s"))
    }

    /// A sidecar with two chain endpoints.
    pub(crate) async fn sidecar_with_chain(&self) -> Result<Sidecar> {
        self.plan_with_chain(&["one", "two"])?.start().await
    }

    pub(crate) async fn proof(&self, id: Uuid) -> Result<Proof> {
        let sql = "SELECT finality, block_number, log_index, tx_hash FROM x402_payments WHERE id = $1";
        let row = self.watch.client().query_one(sql, &[&id]).await?;
        Ok(Proof {
            finality: row.get(0),
            block_number: row.get(1),
            log_index: row.get(2),
            tx_hash: row.get(3),
        })
    }

    /// Waits until the payment's block is as final as that.
    pub(crate) async fn finality(&self, id: Uuid, wanted: &str) -> Result<Proof> {
        let look = || async {
            let proof = self.proof(id).await?;
            Ok((proof.finality == wanted).then_some(proof))
        };
        wait_until(SOON, "the payment's finality", look).await
    }
}

/// Mines blocks until what is there now is final.
pub(crate) fn make_final(standin: &StandIn) {
    standin.advance(10);
    let mut chain = standin.chain();
    let lag = chain.timing.finalized_lag;
    chain.mine(lag + 7);
}
