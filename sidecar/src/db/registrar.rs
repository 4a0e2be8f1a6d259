use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio_postgres::types::{Json, Type};

use super::rows::get;
use super::{DbError, Pool, sql};
use crate::tokens::{Exchanged, Recorded, Registrar, RegistrarError};

/// Identity in Postgres: memberships, revocations, and the keys that `insforge.login()` goes by.
pub struct PgRegistrar {
    pool: Pool,
    membership_ttl: Duration,
}

impl PgRegistrar {
    /// Memberships count for `membership_ttl` after the token that last showed them.
    pub fn new(pool: Pool, membership_ttl: Duration) -> Self {
        Self { pool, membership_ttl }
    }

    async fn record_rows(&self, exchanges: &[Exchanged]) -> Result<Vec<Recorded>, DbError> {
        let seconds = self.membership_ttl.as_secs_f64();
        let params = [
            (&Json(exchanges) as _, Type::JSONB),
            (&seconds as _, Type::FLOAT8),
        ];
        let rows = self.pool.query(sql::RECORD_EXCHANGES, &params).await?;
        if rows.len() != exchanges.len() {
            return Err(DbError::Contract(format!(
                "{} answers for {} tokens",
                rows.len(),
                exchanges.len()
            )));
        }
        rows.iter()
            .map(|row| match get(row, "outcome")? {
                "recorded" => Ok(Recorded::Recorded),
                "revoked" => Ok(Recorded::Revoked),
                "disabled" => Ok(Recorded::Disabled),
                other => Err(DbError::Contract(format!("outcome {other:?}"))),
            })
            .collect()
    }

    async fn store_row(
        &self,
        provider: &str,
        profile: &Value,
        jwks: &Value,
        keep: Duration,
    ) -> Result<bool, DbError> {
        let seconds = keep.as_secs_f64();
        let params = [
            (&provider as _, Type::TEXT),
            (profile as _, Type::JSONB),
            (jwks as _, Type::JSONB),
            (&seconds as _, Type::FLOAT8),
        ];
        let rows = self.pool.query(sql::STORE_KEYS, &params).await?;
        rows.first().map_or(Ok(false), |row| get(row, "stored"))
    }

    async fn keep_rows(&self, names: &[String]) -> Result<Vec<String>, DbError> {
        let rows = self
            .pool
            .query(sql::KEEP_PROVIDERS, &[(&names, Type::TEXT_ARRAY)])
            .await?;
        rows.iter().map(|row| get(row, "name")).collect()
    }
}

impl Registrar for PgRegistrar {
    fn record<'a>(
        &'a self,
        exchanges: &'a [Exchanged],
    ) -> BoxFuture<'a, Result<Vec<Recorded>, RegistrarError>> {
        async move { Ok(self.record_rows(exchanges).await?) }.boxed()
    }

    fn store_keys<'a>(
        &'a self,
        provider: &'a str,
        profile: &'a Value,
        jwks: &'a Value,
        keep: Duration,
    ) -> BoxFuture<'a, Result<bool, RegistrarError>> {
        async move { Ok(self.store_row(provider, profile, jwks, keep).await?) }.boxed()
    }

    fn keep_providers<'a>(
        &'a self,
        names: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<String>, RegistrarError>> {
        async move { Ok(self.keep_rows(names).await?) }.boxed()
    }
}

impl From<DbError> for RegistrarError {
    fn from(error: DbError) -> Self {
        if error.blames_values() {
            Self::Refused(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}
