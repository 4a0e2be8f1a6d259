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
const UNSENT: [Status; 1] = [Status::Pending];
/// Statuses the reconciler works on. `settling` is there for payments whose worker died after the intent.
const OPEN: [Status; 4] = [
    Status::Settling,
    Status::Unknown,
    Status::Submitted,
    Status::Accepted,
];

/// The ledger in Postgres.
pub struct PgLedger {
    work: Pool,
    heartbeat: Pool,
    worker: String,
    lease: Duration,
    statuses: Vec<&'static str>,
    outlook: Option<Arc<Outlook>>,
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
            statuses: UNSENT.map(Status::as_str).to_vec(),
            outlook: Some(outlook),
        }
    }

    /// The reconciler's ledger: the same connections and name, but it claims payments that were sent.
    pub fn open(&self) -> Self {
        Self {
            work: self.work.clone(),
            heartbeat: self.heartbeat.clone(),
            worker: self.worker.clone(),
            lease: self.lease,
            statuses: OPEN.map(Status::as_str).to_vec(),
            outlook: None,
        }
    }

    async fn claim_rows(&self, batch: usize, begin: bool) -> Result<Vec<Claim>, DbError> {
        let claimed_at = Instant::now();
        let batch = i32::try_from(batch).unwrap_or(i32::MAX);
        let seconds = self.lease.as_secs_f64();
        let params: [(&(dyn ToSql + Sync), Type); 4] = [
            (&self.worker, Type::TEXT),
            (&batch, Type::INT4),
            (&seconds, Type::FLOAT8),
            (&self.statuses, Type::TEXT_ARRAY),
        ];
        let rows = if begin {
            self.work.query(sql::CLAIM_TO_SETTLE, &params[..3]).await?
        } else {
            self.work.query(sql::CLAIM, &params).await?
        };
        rows.iter().map(|row| claim(row, claimed_at)).collect()
    }

    async fn finish_rows(&self, reports: &[Report]) -> Result<Vec<Recorded>, DbError> {
        let rows = self
            .work
            .query(sql::FINISH, &[(&Json(reports), Type::JSONB)])
            .await?;
        let recorded = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
        if let Some(outlook) = &self.outlook {
            // Somebody may be waiting for these: they are not left to the next poll.
            for due in left_open(reports, &recorded) {
                outlook.sooner(due);
            }
        }
        Ok(recorded)
    }

    async fn due_in(&self) -> Result<Option<Duration>, DbError> {
        let others = OPEN.map(Status::as_str).to_vec();
        let mine = (&self.statuses as _, Type::TEXT_ARRAY);
        let rows = match &self.outlook {
            None => self.work.query(sql::NEXT_DUE, &[mine]).await?,
            Some(_) => {
                let theirs = (&others as _, Type::TEXT_ARRAY);
                self.work.query(sql::NEXT_DUE_OF_BOTH, &[mine, theirs]).await?
            }
        };
        let Some(row) = rows.first() else { return Ok(None) };
        if let Some(outlook) = &self.outlook {
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
    let is_open = |one: &&Recorded| one.applied && OPEN.iter().any(|status| status.as_str() == one.status);
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
    fn claim(&self, batch: usize, begin: bool) -> BoxFuture<'_, Result<Vec<Claim>, LedgerError>> {
        async move { Ok(self.claim_rows(batch, begin).await?) }.boxed()
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

fn claim(row: &Row, claimed_at: Instant) -> Result<Claim, DbError> {
    let status: String = get(row, "status")?;
    let attempt: i32 = get(row, "attempt")?;
    let seconds = |column| Ok::<_, DbError>(get::<Option<i64>>(row, column)?.unwrap_or(0));
    let unix = |column| Ok::<_, DbError>(u64::try_from(seconds(column)?).unwrap_or(0));
    Ok(Claim {
        lease: Lease {
            id: get(row, "id")?,
            token: get(row, "lease_token")?,
        },
        status: status
            .parse()
            .map_err(|error| DbError::Contract(format!("{error}")))?,
        begun: get(row, "begun")?,
        attempt: u32::try_from(attempt).unwrap_or(0),
        uncertain: get(row, "uncertain")?,
        tx_hash: get(row, "tx_hash")?,
        payment: get(row, "payment")?,
        requirements: get(row, "requirements")?,
        created_unix: unix("created_unix")?,
        since_unix: unix("since_unix")?,
        now_unix: unix("now_unix")?,
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
