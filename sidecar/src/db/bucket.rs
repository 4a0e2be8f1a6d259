use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_postgres::types::Type;

use super::rows::get;
use super::{DbError, Pool, sql};
use crate::settle::{Bucket, Granted, LedgerError};

/// The request limit that all sidecars of a database share.
pub struct PgBucket {
    pool: Pool,
    key: String,
    rate: f64,
    burst: i32,
}

impl PgBucket {
    /// The bucket named `key`, which gains `rate` tokens a second up to `burst`.
    pub fn new(pool: Pool, key: String, rate: f64, burst: usize) -> Self {
        let burst = i32::try_from(burst).unwrap_or(i32::MAX);
        Self {
            pool,
            key,
            rate,
            burst,
        }
    }

    async fn tokens(&self, wanted: i32) -> Result<Granted, DbError> {
        let params = [
            (&self.key as _, Type::TEXT),
            (&wanted as _, Type::INT4),
            (&self.rate as _, Type::FLOAT8),
            (&self.burst as _, Type::INT4),
        ];
        let rows = self.pool.query(sql::TAKE_TOKENS, &params).await?;
        let Some(row) = rows.first() else {
            return Err(DbError::Contract("x402.take_tokens returned nothing".to_owned()));
        };
        let (tokens, wait): (i32, i64) = (get(row, "granted")?, get(row, "wait_ms")?);
        Ok(Granted {
            tokens: usize::try_from(tokens).unwrap_or(0),
            wait: Duration::from_millis(u64::try_from(wait).unwrap_or(0)),
        })
    }

    async fn hold_back(&self, pause: Duration) -> Result<(), DbError> {
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let params = [(&self.key as _, Type::TEXT), (&pause as _, Type::INT8)];
        self.pool.query(sql::HOLD_TOKENS, &params).await.map(drop)
    }
}

fn count(tokens: usize) -> i32 {
    i32::try_from(tokens).unwrap_or(i32::MAX)
}

impl Bucket for PgBucket {
    fn take(&self, wanted: usize) -> BoxFuture<'_, Result<Granted, LedgerError>> {
        async move { Ok(self.tokens(count(wanted)).await?) }.boxed()
    }

    fn give_back(&self, unused: usize) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move { Ok(self.tokens(-count(unused)).await.map(drop)?) }.boxed()
    }

    fn hold(&self, pause: Duration) -> BoxFuture<'_, Result<(), LedgerError>> {
        async move { Ok(self.hold_back(pause).await?) }.boxed()
    }
}
