use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::faults;
use super::pulse::Pulse;
use super::purchase::Purchase;
use crate::cluster::{Cluster, Database, Options, Template};
use crate::sidecar::Plan;
use crate::standin::StandIn;
use crate::wait::wait_until;

/// Short, as for tests: a storm of minutes sees as many leases run out as one of hours with the default.
pub(super) const LEASE: Duration = Duration::from_secs(2);
/// Names of the chain's endpoints. The second one trails by a block while there are faults.
const ENDPOINTS: [&str; 2] = ["one", "two"];

/// Where the storm rages: a cluster whose commits reach the disk, and the stand-in with its chain.
pub(super) struct Stage {
    pub(super) cluster: Arc<Cluster>,
    pub(super) database: Database,
    pub(super) standin: Arc<StandIn>,
    pub(super) pulse: Arc<Pulse>,
}

impl Stage {
    pub(super) async fn build(purchases: &[Purchase], seed: u64) -> Result<Stage> {
        let cluster = tokio::task::block_in_place(|| Cluster::start(&Options::default()))?;
        let database = Database::create_in(cluster.clone(), Template::Extension).await?;
        let standin = Arc::new(StandIn::start().await?);
        standin.seed(seed);
        standin.configure(|settings| {
            settings.carries_on = true;
            settings.rpc_lag.insert(ENDPOINTS[1].to_owned(), 1);
        });
        for rule in faults::rules(purchases) {
            standin.fault(rule);
        }
        Ok(Stage {
            pulse: Pulse::of(&standin),
            cluster,
            database,
            standin,
        })
    }

    /// How each sidecar is started.
    pub(super) fn plans(&self, count: u16) -> Result<Vec<Plan>> {
        let urls = ENDPOINTS.map(|name| self.standin.rpc_url(name)).join(",");
        let settings = [
            ("XLAYER_RPC_URLS", urls.as_str()),
            ("INSFORGE_SIDECAR_CHAIN_REQUESTS_PER_SECOND", "0"),
            ("INSFORGE_SIDECAR_CHAIN_TIMEOUT", "1s"),
            ("INSFORGE_SIDECAR_OKX_TIMEOUT", "1s"),
            ("INSFORGE_SIDECAR_LEASE", "2s"),
            ("INSFORGE_SIDECAR_POLL_INTERVAL", "1s"),
            ("INSFORGE_SIDECAR_PING_INTERVAL", "500ms"),
            ("INSFORGE_SIDECAR_RECONCILE_PATIENCE", "5s"),
            ("INSFORGE_SIDECAR_FINALITY_INTERVAL", "1s"),
            ("INSFORGE_SIDECAR_SCAN_INTERVAL", "1s"),
        ];
        let plan = || {
            let plan = Plan::settling(&self.database.sidecar_url(), &self.standin)?;
            Ok(settings
                .iter()
                .fold(plan, |plan, (name, value)| plan.set(name, value)))
        };
        (0..count).map(|_| plan()).collect()
    }

    /// The faults stop, and what was sent and never mined is mined.
    pub(super) fn calm(&self) {
        self.standin.clear_faults();
        self.standin.configure(|settings| settings.rpc_lag.clear());
        self.standin.chain().include_all();
    }

    /// What the server says in its log about locks that were taken in different orders; keeps the log if asked to.
    pub(super) fn deadlocks(&self, logs: Option<&Path>) -> Result<usize> {
        let log = std::fs::read(self.database.server().dir.join("server.log")).context("the server's log")?;
        if let Some(folder) = logs {
            std::fs::write(folder.join("server.log"), &log)?;
        }
        let text = String::from_utf8_lossy(&log);
        Ok(text
            .lines()
            .filter(|line| line.contains("deadlock detected"))
            .count())
    }

    /// Waits until no payment is as `condition` says.
    pub(super) async fn none_is(&self, condition: &str, within: Duration) -> Result<()> {
        let client = self.database.client().await?;
        let sql = format!("SELECT count(*) FROM x402_payments WHERE {condition}");
        let left = || async {
            let count: i64 = client.query_one(&sql, &[]).await?.try_get(0)?;
            Ok((count == 0).then_some(()))
        };
        wait_until(within, &format!("no payment is {condition}"), left).await
    }
}
