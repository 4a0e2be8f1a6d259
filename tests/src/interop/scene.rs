use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_postgres::Client as Connection;

use super::chain::{Chain, credentials};
use super::parties::Money;
use super::tools::Tools;
use crate::cluster::{Database, Template};
use crate::port::free_address;
use crate::sidecar::{Plan, Sidecar};

/// Who is paid.
pub(super) const PAYEE: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// A cent.
pub(super) const PRICE: u64 = 10_000;

/// Domain separators of the real tokens, as read from the real chains.
const SEPARATORS: [(Money, &str); 2] = [
    (
        Money::XLayer,
        "0x415f0706e345fcaf25d5be24c4fd7830d0054fc5742c51a0db9319c759bd3743",
    ),
    (
        Money::Base,
        "0x02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f",
    ),
];

/// How long a sidecar lets requests wait for a payment's outcome.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wait {
    /// As long as by default: an outcome that becomes known at all becomes known within it.
    Default,
    /// So short that open outcomes are told.
    Short,
}

/// What all cases share: real EVMs with a facilitator, a database, an endpoint, and a sidecar that sells it.
pub(super) struct Scene {
    pub(super) chain: Chain,
    pub(super) ledger: Connection,
    pub(super) gateway: SocketAddr,
    pub(super) facilitator: SocketAddr,
    database: Database,
    endpoint: SocketAddr,
    task: JoinHandle<()>,
    sidecar: Option<Sidecar>,
}

impl Scene {
    pub(super) async fn start(tools: &Tools) -> Result<Scene> {
        let (chain, database) =
            tokio::try_join!(Chain::start(&tools.node), Database::create(Template::Extension))?;
        for (money, real) in SEPARATORS {
            let own = chain.domain(money.chain()).await?;
            ensure!(
                own == real,
                "the domain separator of {money} is {own}, the real one is {real}"
            );
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = listener.local_addr()?;
        let report = |Path(number): Path<String>| async move { format!("report {number}") };
        let router = Router::new().route("/report/{number}", get(report));
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Scene {
            ledger: database.client().await?,
            gateway: free_address()?,
            facilitator: free_address()?,
            sidecar: None,
            chain,
            database,
            endpoint,
            task,
        })
    }

    /// Starts a sidecar, in place of the one that runs.
    pub(super) async fn open(&mut self, wait: Wait) -> Result<()> {
        self.sidecar = None;
        let (at_gateway, at_facilitator) = match wait {
            Wait::Default => ("20s", "25s"),
            Wait::Short => ("500ms", "500ms"),
        };
        let known = credentials();
        let offer =
            |asset: &str, network: &str| json!({ "price": "0.01", "asset": asset, "network": network });
        let routes = json!([{
            "path": "/report/{number}", "upstream": format!("http://{}", self.endpoint), "pay_to": PAYEE,
            "offers": [offer("USDG", "eip155:196"), offer("USDC", "eip155:8453")],
            "settle_wait": at_gateway, "description": "a report", "mime_type": "text/plain",
        }]);
        let plan = Plan::new(&self.database.sidecar_url())?
            .set("OKX_BASE_URL", &self.chain.url)
            .set("OKX_API_KEY", &known.key)
            .set("OKX_SECRET_KEY", &known.secret)
            .set("OKX_PASSPHRASE", &known.passphrase)
            .set("XLAYER_RPC_URLS", &self.chain.rpc(Money::XLayer.chain()))
            .set("INSFORGE_SIDECAR_CHAIN_REQUESTS_PER_SECOND", "0")
            .set("INSFORGE_SIDECAR_POLL_INTERVAL", "250ms")
            .set("INSFORGE_SIDECAR_GATEWAY_LISTEN", &self.gateway.to_string())
            .set("INSFORGE_SIDECAR_GATEWAY_ROUTES", &routes.to_string())
            .set(
                "INSFORGE_SIDECAR_FACILITATOR_LISTEN",
                &self.facilitator.to_string(),
            )
            .set("INSFORGE_SIDECAR_FACILITATOR_PAYEES", PAYEE)
            .set("INSFORGE_SIDECAR_FACILITATOR_PRICES", "0.01")
            .set("INSFORGE_SIDECAR_FACILITATOR_ASSETS", "USDG,eip155:8453/USDC")
            .set("INSFORGE_SIDECAR_FACILITATOR_WAIT", at_facilitator);
        self.sidecar = Some(plan.start().await?);
        Ok(())
    }

    /// What the sidecar has written, for somebody who looks for the reason of a failure.
    pub(super) fn log(&self) -> String {
        self.sidecar
            .as_ref()
            .map_or_else(String::new, |sidecar| sidecar.log().text())
    }

    /// Compares what the payee has with what the ledger says was settled, chain by chain.
    pub(super) async fn compare_the_sums(&self) -> Result<()> {
        for (money, _) in SEPARATORS {
            let sql = "SELECT coalesce(sum(value), 0)::text FROM x402_payments
                       WHERE network = $1 AND status = 'settled' AND NOT mock";
            let network = format!("eip155:{}", money.chain());
            let settled: String = self.ledger.query_one(sql, &[&network]).await?.try_get(0)?;
            let has = self.chain.account(money.chain(), PAYEE).await?.balance;
            ensure!(
                has == settled,
                "{money}: the payee has {has}, the ledger says {settled}"
            );
        }
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.task.abort();
    }
}
