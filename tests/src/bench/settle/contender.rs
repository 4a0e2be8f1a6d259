use std::time::Duration;

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::cost;
use super::peer::Peer;
use super::target::Target;
use crate::bench::payments::Prepared;
use crate::cluster::{Database, Template};
use crate::sidecar::{Plan, Sidecar};
use crate::standin::Credentials;

/// Payments entered in one transaction.
const AT_ONCE: usize = 5_000;
/// How long a worker may take to stop.
const STOP: Duration = Duration::from_secs(40);

/// Who does the work, and how it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    /// The sidecar; `batch` is the most payments in one statement.
    Sidecar { concurrency: usize, batch: usize },
    /// graphile-worker, `batched` as on its performance page.
    Graphile { concurrency: usize, batched: bool },
}

/// One of them at work.
pub(super) enum Working {
    Sidecar(Sidecar),
    Graphile(Box<Peer>),
}

/// Prepared, with its work waiting.
pub(super) struct Loaded {
    contender: Contender,
    peer: Option<Peer>,
}

impl Contender {
    pub(super) fn label(self) -> String {
        match self {
            Contender::Sidecar { concurrency, .. } => format!("sidecar, {concurrency} in flight"),
            Contender::Graphile { concurrency, batched } => {
                let batched = if batched { ", batched" } else { "" };
                format!("graphile-worker, {concurrency} in flight{batched}")
            }
        }
    }

    pub(super) fn template(self) -> Template {
        match self {
            Contender::Sidecar { .. } => Template::Extension,
            Contender::Graphile { .. } => Template::Empty,
        }
    }

    /// Enters the payments as work that waits.
    pub(super) async fn load(
        self,
        database: &Database,
        target: &Target,
        signed: &[Prepared],
    ) -> Result<Loaded> {
        let client = database.client().await?;
        let (peer, enter) = match self {
            Contender::Sidecar { .. } => (
                None,
                "SELECT count(x402.submit(p::jsonb, r::jsonb, u))
                 FROM unnest($1::text[], $2::text[], $3::text[]) AS t (p, r, u)",
            ),
            Contender::Graphile { concurrency, batched } => (
                Some(
                    Peer::prepare(
                        database,
                        &target.url(),
                        &Credentials::default(),
                        concurrency,
                        batched,
                    )
                    .await?,
                ),
                "SELECT count(graphile_worker.add_job('settle', json_build_object(
                   'payment', p::json, 'requirements', r::json, 'resource', u)))
                 FROM unnest($1::text[], $2::text[], $3::text[]) AS t (p, r, u)",
            ),
        };
        for some in signed.chunks(AT_ONCE) {
            enter_some(&client, enter, some).await?;
        }
        client.batch_execute("VACUUM ANALYZE").await?;
        Ok(Loaded {
            contender: self,
            peer,
        })
    }

    /// Rows that are not done yet.
    pub(super) async fn waiting(self, client: &Client) -> Result<i64> {
        let sql = match self {
            Contender::Sidecar { .. } => "SELECT count(*) FROM x402.queue",
            Contender::Graphile { .. } => "SELECT count(*) FROM graphile_worker._private_jobs",
        };
        Ok(client.query_one(sql, &[]).await?.try_get(0)?)
    }

    /// Done rows per second after the first tenth of them, by the time that each was committed with.
    pub(super) async fn rate(self, client: &Client) -> Result<f64> {
        let done = match self {
            Contender::Sidecar { .. } => "SELECT settled_at FROM x402_payments WHERE status = 'settled'",
            Contender::Graphile { .. } => "SELECT settled_at FROM settlements",
        };
        let sql = format!(
            "WITH done AS ({done}), numbered AS (
               SELECT settled_at, row_number() OVER (ORDER BY settled_at) AS n, count(*) OVER () AS total FROM done
             )
             SELECT (count(*) / extract(epoch FROM max(settled_at) - min(settled_at)))::float8
             FROM numbered WHERE n > total / 10"
        );
        Ok(client.query_one(&sql, &[]).await?.try_get(0)?)
    }
}

async fn enter_some(client: &Client, sql: &str, some: &[Prepared]) -> Result<()> {
    let column = |read: fn(&Prepared) -> &str| some.iter().map(read).collect::<Vec<_>>();
    let payments = column(|p| &p.payment);
    let requirements = column(|p| &p.requirements);
    let resources = column(|p| &p.resource);
    client
        .query_one(sql, &[&payments, &requirements, &resources])
        .await
        .context("entering payments")?;
    Ok(())
}

impl Loaded {
    /// Starts the worker.
    pub(super) async fn start(self, database: &Database, target: &Target) -> Result<Working> {
        match (self.contender, self.peer) {
            (Contender::Sidecar { concurrency, batch }, _) => {
                let known = Credentials::default();
                let plan = Plan::new(&database.sidecar_url())?
                    .set("OKX_BASE_URL", &target.url())
                    .set("OKX_API_KEY", &known.key)
                    .set("OKX_SECRET_KEY", &known.secret)
                    .set("OKX_PASSPHRASE", &known.passphrase)
                    .set("INSFORGE_SIDECAR_CONCURRENCY", &concurrency.to_string())
                    .set("INSFORGE_SIDECAR_BATCH", &batch.to_string());
                Ok(Working::Sidecar(plan.launch()?))
            }
            (Contender::Graphile { .. }, peer) => {
                let mut peer = peer.context("graphile-worker was not prepared")?;
                peer.work().await?;
                Ok(Working::Graphile(Box::new(peer)))
            }
        }
    }
}

impl Working {
    pub(super) fn pid(&self) -> Result<u32> {
        match self {
            Working::Sidecar(sidecar) => Ok(sidecar.process().pid()),
            Working::Graphile(peer) => peer.pid().context("graphile-worker has ended"),
        }
    }

    /// Ends it and returns the seconds of processor time it has used.
    pub(super) async fn stop(self) -> Result<f64> {
        let used = cost::seconds(self.pid()?).unwrap_or(0.0);
        match self {
            Working::Sidecar(sidecar) => drop(sidecar.stop(STOP).await?),
            Working::Graphile(peer) => peer.stop().await?,
        }
        Ok(used)
    }
}
