use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::rows::get;
use super::{DbError, Pool, sql};
use crate::metrics::{Figures, Source};
use crate::settle::LedgerError;

/// Figures about the whole ledger, for the metrics.
pub struct PgFigures {
    pool: Pool,
}

impl PgFigures {
    /// Reads over `pool`.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    async fn read(&self) -> Result<Figures, DbError> {
        let mut figures = Figures::default();
        for row in self.pool.query(sql::FIGURES, &[]).await? {
            figures.open.push((get(&row, "status")?, get(&row, "payments")?));
            let age: Option<f64> = get(&row, "oldest")?;
            if let Some(age) = age {
                figures.oldest_pending = Duration::try_from_secs_f64(age).unwrap_or_default();
            }
        }
        Ok(figures)
    }
}

impl Source for PgFigures {
    fn figures(&self) -> BoxFuture<'_, Result<Figures, LedgerError>> {
        async move { Ok(self.read().await?) }.boxed()
    }
}
