use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::evm;
use insforge_protocol::ledger::Status;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Json, ToSql, Type};
use uuid::Uuid;

use super::{DbError, Pool, sql};
use crate::outlook::Outlook;
use crate::settle::{Claim, Lease, Ledger, LedgerError, Recorded, Report};

/// Statuses the settler works on.
const UNSENT: [&str; 1] = [Status::Pending.as_str()];
/// Statuses the reconciler works on. `settling` is there for payments whose worker died after the intent.
const OPEN: [&str; 4] = [
    Status::Settling.as_str(),
    Status::Unknown.as_str(),
    Status::Submitted.as_str(),
    Status::Accepted.as_str(),
];

/// What a ledger claims.
enum Work {
    /// Payments that were never sent. What is due that needs reconciliation is published in the outlook.
    Unsent(Arc<Outlook>),
    /// Payments that were sent.
    Open,
}

/// The ledger in Postgres.
pub struct PgLedger {
    work: Pool,
    heartbeat: Pool,
    worker: String,
    lease: Duration,
    queue: Work,
}

impl PgLedger {
    /// The settler's ledger: it claims payments that were never sent. `work` is for everything but heartbeats,
    /// which have `heartbeat` for themselves. Claims are made in the name of `worker` and hold for `lease`.
    /// When it reads what is due, it publishes in `outlook` when a payment is due that needs reconciliation.
    pub fn unsent(
        work: Pool,
        heartbeat: Pool,
        worker: String,
        lease: Duration,
        outlook: Arc<Outlook>,
    ) -> Self {
        Self {
            work,
            heartbeat,
            worker,
            lease,
            queue: Work::Unsent(outlook),
        }
    }

    /// The reconciler's ledger: the same connections and name, but it claims payments that were sent.
    pub fn open(&self) -> Self {
        Self {
            work: self.work.clone(),
            heartbeat: self.heartbeat.clone(),
            worker: self.worker.clone(),
            lease: self.lease,
            queue: Work::Open,
        }
    }

    async fn claim_rows(&self, batch: usize) -> Result<Vec<Claim>, DbError> {
        let claimed_at = Instant::now();
        let batch = i32::try_from(batch).unwrap_or(i32::MAX);
        let (seconds, open) = (self.lease.as_secs_f64(), OPEN.to_vec());
        let worker = (&self.worker as &(dyn ToSql + Sync), Type::TEXT);
        let (batch, lease) = ((&batch as _, Type::INT4), (&seconds as _, Type::FLOAT8));
        match self.queue {
            Work::Unsent(_) => {
                let rows = self
                    .work
                    .query(sql::CLAIM_TO_SETTLE, &[worker, batch, lease])
                    .await?;
                rows.iter().map(|row| unsent(row, claimed_at)).collect()
            }
            Work::Open => {
                let statuses = (&open as _, Type::TEXT_ARRAY);
                let rows = self
                    .work
                    .query(sql::CLAIM, &[worker, batch, lease, statuses])
                    .await?;
                rows.iter().map(|row| sent(row, claimed_at)).collect()
            }
        }
    }

    async fn finish_rows(&self, reports: &[Report]) -> Result<Vec<Recorded>, DbError> {
        let rows = self
            .work
            .query(sql::FINISH, &[(&Json(reports), Type::JSONB)])
            .await?;
        let recorded = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
        if let Work::Unsent(outlook) = &self.queue {
            // Somebody may be waiting for these: they are not left to the next poll.
            for due in left_open(reports, &recorded) {
                outlook.sooner(due);
            }
        }
        Ok(recorded)
    }

    async fn due_in(&self) -> Result<Option<Duration>, DbError> {
        let (unsent, open) = (UNSENT.to_vec(), OPEN.to_vec());
        let (unsent, open) = ((&unsent as _, Type::TEXT_ARRAY), (&open as _, Type::TEXT_ARRAY));
        let rows = match &self.queue {
            Work::Open => self.work.query(sql::NEXT_DUE, &[open]).await?,
            Work::Unsent(_) => self.work.query(sql::NEXT_DUE_OF_BOTH, &[unsent, open]).await?,
        };
        let Some(row) = rows.first() else { return Ok(None) };
        if let Work::Unsent(outlook) = &self.queue {
            outlook.publish(milliseconds(row, "other_ms")?);
        }
        milliseconds(row, "ms")
    }

    async fn vouched_rows(&self) -> Result<Vec<VouchedDomain>, DbError> {
        let rows = self.work.query(sql::VOUCHED, &[]).await?;
        rows.iter().map(vouched).collect()
    }
}

fn recorded(row: &Row) -> Result<Recorded, DbError> {
    let status: Option<String> = get(row, "status")?;
    Ok(Recorded {
        id: get(row, "id")?,
        status: status.unwrap_or_else(|| "missing".to_owned()),
        applied: get(row, "applied")?,
    })
}

/// In how long the payments are due that these outcomes left to reconciliation; a second is what the database
/// takes where the outcome names no time.
fn left_open<'a>(
    reports: &'a [Report],
    recorded: &'a [Recorded],
) -> impl Iterator<Item = Duration> + use<'a> {
    let is_open = |one: &&Recorded| one.applied && OPEN.contains(&one.status.as_str());
    recorded.iter().filter(is_open).filter_map(|one| {
        let report = reports.iter().find(|report| report.id == one.id)?;
        Some(Duration::from_millis(report.retry_after_ms.unwrap_or(1_000)))
    })
}

/// Runs a statement on leases and returns the payments it names.
async fn on_leases(
    pool: &Pool,
    sql: &'static str,
    leases: &[Lease],
    seconds: Option<f64>,
) -> Result<HashSet<Uuid>, LedgerError> {
    let ids: Vec<Uuid> = leases.iter().map(|lease| lease.id).collect();
    let tokens: Vec<i64> = leases.iter().map(|lease| lease.token).collect();
    let seconds = seconds.as_ref().map(|seconds| (seconds as _, Type::FLOAT8));
    let mut params: Vec<(_, Type)> = vec![(&ids as _, Type::UUID_ARRAY), (&tokens as _, Type::INT8_ARRAY)];
    params.extend(seconds);
    let rows = pool.query(sql, &params).await?;
    Ok(rows.iter().map(|row| get(row, "id")).collect::<Result<_, _>>()?)
}

impl Ledger for PgLedger {
    fn claim(&self, batch: usize) -> BoxFuture<'_, Result<Vec<Claim>, LedgerError>> {
        async move { Ok(self.claim_rows(batch).await?) }.boxed()
    }

    fn begin<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<HashSet<Uuid>, LedgerError>> {
        on_leases(&self.work, sql::BEGIN, leases, None).boxed()
    }

    fn finish<'a>(&'a self, reports: &'a [Report]) -> BoxFuture<'a, Result<Vec<Recorded>, LedgerError>> {
        async move { Ok(self.finish_rows(reports).await?) }.boxed()
    }

    fn extend<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<HashSet<Uuid>, LedgerError>> {
        on_leases(
            &self.heartbeat,
            sql::EXTEND,
            leases,
            Some(self.lease.as_secs_f64()),
        )
        .boxed()
    }

    fn release<'a>(&'a self, leases: &'a [Lease]) -> BoxFuture<'a, Result<(), LedgerError>> {
        async move { on_leases(&self.work, sql::RELEASE, leases, None).await.map(drop) }.boxed()
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Duration>, LedgerError>> {
        async move { Ok(self.due_in().await?) }.boxed()
    }

    fn vouched(&self) -> BoxFuture<'_, Result<Vec<VouchedDomain>, LedgerError>> {
        async move { Ok(self.vouched_rows().await?) }.boxed()
    }
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, DbError> {
    row.try_get(column)
        .map_err(|error| DbError::Contract(error.to_string()))
}

fn milliseconds(row: &Row, column: &str) -> Result<Option<Duration>, DbError> {
    let ms: Option<i64> = get(row, column)?;
    Ok(ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))))
}

/// A payment that was sent before.
fn sent(row: &Row, claimed_at: Instant) -> Result<Claim, DbError> {
    let status: String = get(row, "status")?;
    Ok(Claim {
        status: status
            .parse()
            .map_err(|error| DbError::Contract(format!("{error}")))?,
        since_unix: unix(row, "since_unix")?,
        ..claim(row, claimed_at)?
    })
}

/// A payment that was never sent.
fn unsent(row: &Row, claimed_at: Instant) -> Result<Claim, DbError> {
    Ok(Claim {
        begun: get(row, "begun")?,
        ..claim(row, claimed_at)?
    })
}

fn unix(row: &Row, column: &str) -> Result<u64, DbError> {
    let seconds: Option<i64> = get(row, column)?;
    Ok(seconds.map_or(0, |seconds| u64::try_from(seconds).unwrap_or(0)))
}

/// What every claim holds, of one that is pending since it was recorded.
fn claim(row: &Row, claimed_at: Instant) -> Result<Claim, DbError> {
    let attempt: i32 = get(row, "attempt")?;
    let created_unix = unix(row, "created_unix")?;
    Ok(Claim {
        lease: Lease {
            id: get(row, "id")?,
            token: get(row, "lease_token")?,
        },
        status: Status::Pending,
        begun: false,
        attempt: u32::try_from(attempt).unwrap_or(0),
        uncertain: get(row, "uncertain")?,
        tx_hash: get(row, "tx_hash")?,
        payment: get(row, "payment")?,
        requirements: get(row, "requirements")?,
        created_unix,
        since_unix: created_unix,
        now_unix: unix(row, "now_unix")?,
        claimed_at,
    })
}

pub(super) fn vouched(row: &Row) -> Result<VouchedDomain, DbError> {
    let (network, asset): (String, String) = (get(row, "network")?, get(row, "asset")?);
    let odd = |text: &str| DbError::Contract(format!("x402.vouched_assets holds {text:?}"));
    Ok(VouchedDomain {
        network: network.parse().map_err(|_| odd(&network))?,
        asset: evm::address(&asset).ok_or_else(|| odd(&asset))?,
        name: get(row, "name")?,
        version: get(row, "version")?,
    })
}
