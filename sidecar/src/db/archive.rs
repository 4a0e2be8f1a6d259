use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::evidence::Finality;
use insforge_protocol::evm::{self, Address, B256};
use insforge_protocol::x402::Scheme;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::ledger::vouched;
use super::rows::get;
use super::{DbError, Pool, sql};
use crate::reconcile::{Archive, Confirmation, Cursor, Matched, ScanTarget, Transfer, Unproven};
use crate::settle::LedgerError;

type Answer<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

/// Finality, the scan and the tokens in use, in Postgres.
pub struct PgArchive {
    pool: Pool,
    worker: String,
}

impl PgArchive {
    /// The scan is leased in the name of `worker`.
    pub fn new(pool: Pool, worker: String) -> Self {
        Self { pool, worker }
    }

    async fn claim_scan(
        &self,
        network: &str,
        lease: Duration,
        start: u64,
    ) -> Result<Option<Cursor>, DbError> {
        let rows = self
            .pool
            .query(
                sql::SCAN_CLAIM,
                &[
                    (&network, Type::TEXT),
                    (&self.worker, Type::TEXT),
                    (&lease.as_secs_f64(), Type::FLOAT8),
                    (&signed(start), Type::INT8),
                ],
            )
            .await?;
        rows.first().map(cursor).transpose()
    }

    async fn advance_scan(&self, network: &str, at: &Cursor, lease: Duration) -> Result<bool, DbError> {
        let hash = at.block_hash.map(|hash| format!("{hash:#x}"));
        let rows = self
            .pool
            .query(
                sql::SCAN_ADVANCE,
                &[
                    (&network, Type::TEXT),
                    (&at.token, Type::INT8),
                    (&signed(at.next_block), Type::INT8),
                    (&hash, Type::TEXT),
                    (&lease.as_secs_f64(), Type::FLOAT8),
                ],
            )
            .await?;
        rows.first().map_or(Ok(false), |row| get(row, "held"))
    }

    async fn unproven_rows(
        &self,
        network: &str,
        heights: [Option<u64>; 2],
        after: Option<Uuid>,
        batch: usize,
    ) -> Result<Vec<Unproven>, DbError> {
        let [safe, last] = heights.map(|height| height.map(signed));
        let batch = i32::try_from(batch).unwrap_or(i32::MAX);
        let rows = self
            .pool
            .query(
                sql::UNPROVEN,
                &[
                    (&network, Type::TEXT),
                    (&safe, Type::INT8),
                    (&last, Type::INT8),
                    (&after, Type::UUID),
                    (&batch, Type::INT4),
                ],
            )
            .await?;
        rows.iter().map(unproven).collect()
    }
}

impl Archive for PgArchive {
    fn unproven<'a>(
        &'a self,
        network: &'a str,
        safe_block: Option<u64>,
        final_block: Option<u64>,
        after: Option<Uuid>,
        batch: usize,
    ) -> Answer<'a, Vec<Unproven>> {
        async move {
            let heights = [safe_block, final_block];
            Ok(self.unproven_rows(network, heights, after, batch).await?)
        }
        .boxed()
    }

    fn confirm<'a>(&'a self, confirmations: &'a [Confirmation]) -> Answer<'a, usize> {
        async move {
            let rows = self
                .pool
                .query(sql::CONFIRM, &[(&Json(confirmations), Type::JSONB)])
                .await?;
            let applied: Result<Vec<bool>, DbError> = rows.iter().map(|row| get(row, "applied")).collect();
            Ok(applied?.into_iter().filter(|applied| *applied).count())
        }
        .boxed()
    }

    fn scan_claim<'a>(&'a self, network: &'a str, lease: Duration, start: u64) -> Answer<'a, Option<Cursor>> {
        async move { Ok(self.claim_scan(network, lease, start).await?) }.boxed()
    }

    fn scan_advance<'a>(&'a self, network: &'a str, cursor: &'a Cursor, lease: Duration) -> Answer<'a, bool> {
        async move { Ok(self.advance_scan(network, cursor, lease).await?) }.boxed()
    }

    fn scan_targets<'a>(&'a self, network: &'a str) -> Answer<'a, Vec<ScanTarget>> {
        async move {
            let rows = self
                .pool
                .query(sql::SCAN_TARGETS, &[(&network, Type::TEXT)])
                .await?;
            let target = |row| {
                Ok::<_, DbError>(ScanTarget {
                    asset: account(row, "asset")?,
                    pay_to: account(row, "pay_to")?,
                })
            };
            Ok(rows.iter().map(target).collect::<Result<_, _>>()?)
        }
        .boxed()
    }

    fn record_transfers<'a>(&'a self, transfers: &'a [Transfer]) -> Answer<'a, Vec<Matched>> {
        async move {
            let rows = self
                .pool
                .query(sql::RECORD_TRANSFERS, &[(&Json(transfers), Type::JSONB)])
                .await?;
            Ok(rows.iter().map(matched).collect::<Result<_, _>>()?)
        }
        .boxed()
    }

    fn vouched(&self) -> Answer<'_, Vec<VouchedDomain>> {
        async move {
            let rows = self.pool.query(sql::VOUCHED, &[]).await?;
            Ok(rows.iter().map(vouched).collect::<Result<_, _>>()?)
        }
        .boxed()
    }
}

fn cursor(row: &Row) -> Result<Cursor, DbError> {
    let hash: Option<String> = get(row, "block_hash")?;
    Ok(Cursor {
        next_block: unsigned(get(row, "next_block")?),
        block_hash: hash.as_deref().and_then(evm::bytes32),
        token: get(row, "lease_token")?,
    })
}

fn matched(row: &Row) -> Result<Matched, DbError> {
    let log_index: i32 = get(row, "log_index")?;
    Ok(Matched {
        id: get(row, "id")?,
        status: get(row, "status")?,
        applied: get(row, "applied")?,
        tx_hash: get(row, "tx_hash")?,
        log_index: u64::try_from(log_index).unwrap_or(0),
    })
}

fn unproven(row: &Row) -> Result<Unproven, DbError> {
    let number: Option<i64> = get(row, "block_number")?;
    let block_hash: Option<String> = get(row, "block_hash")?;
    let tx_hash: Option<String> = get(row, "tx_hash")?;
    let log_index: Option<i32> = get(row, "log_index")?;
    let (finality, scheme): (String, String) = (get(row, "finality")?, get(row, "scheme")?);
    let hash = block_hash.as_deref().and_then(evm::bytes32);
    Ok(Unproven {
        id: get(row, "id")?,
        tx_hash: tx_hash.as_deref().and_then(evm::tx_hash),
        block: number.map(unsigned).zip(hash),
        log_index: log_index.and_then(|index| u64::try_from(index).ok()),
        finality: finality.parse::<Finality>().map_err(|error| odd(&error))?,
        payer: account(row, "payer")?,
        pay_to: account(row, "pay_to")?,
        asset: account(row, "asset")?,
        value: number_of(row, "value")?,
        nonce: nonce(row)?,
        scheme: Scheme::parse(&scheme),
        valid_before: number_of(row, "valid_before")?,
        created: unsigned(get(row, "created_unix")?),
        settled: unsigned(get::<Option<i64>>(row, "settled_unix")?.unwrap_or(0)),
    })
}

fn account(row: &Row, column: &str) -> Result<Address, DbError> {
    let text: String = get(row, column)?;
    evm::address(&text).ok_or_else(|| odd(&format_args!("{column} {text:?} is no address")))
}

fn nonce(row: &Row) -> Result<B256, DbError> {
    let text: String = get(row, "nonce")?;
    evm::bytes32(&text).ok_or_else(|| odd(&format_args!("nonce {text:?} is not 32 bytes")))
}

fn number_of(row: &Row, column: &str) -> Result<evm::U256, DbError> {
    let text: String = get(row, column)?;
    evm::uint256(&text).ok_or_else(|| odd(&format_args!("{column} {text:?} is no uint256")))
}

fn odd(what: &dyn std::fmt::Display) -> DbError {
    DbError::Contract(what.to_string())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
