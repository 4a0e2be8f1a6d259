use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::evm;
use insforge_protocol::x402::VouchedToken;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql, Type};
use uuid::Uuid;

use super::rows::get;
use super::{DbError, Pool, sql};
use crate::selling::{
    Answer, BatchBook, Book, BookError, Claimed, Delivery, DeliveryAnswer, DeliveryClaim, Entry, Examined,
    Sale, Terms,
};

/// The seller's side of the ledger in Postgres.
pub struct PgBook {
    pub(super) pool: Pool,
    pub(super) worker: String,
}

type Params<'a> = Vec<(&'a (dyn ToSql + Sync), Type)>;
type Reply<'a, T> = BoxFuture<'a, Result<T, BookError>>;

impl PgBook {
    /// Deliveries are claimed in the name of `worker`.
    pub fn new(pool: Pool, worker: String) -> Self {
        Self { pool, worker }
    }

    async fn one<T>(
        &self,
        sql: &'static str,
        params: &[(&(dyn ToSql + Sync), Type)],
        read: impl FnOnce(&Row) -> Result<T, DbError>,
    ) -> Result<Option<T>, DbError> {
        let rows = self.pool.query(sql, params).await?;
        rows.first().map(read).transpose()
    }

    async fn expect<T>(
        &self,
        sql: &'static str,
        params: &[(&(dyn ToSql + Sync), Type)],
        read: impl FnOnce(&Row) -> Result<T, DbError>,
    ) -> Result<T, BookError> {
        let missing = || DbError::Contract("a function returned no row".to_owned());
        Ok(self.one(sql, params, read).await?.ok_or_else(missing)?)
    }

    async fn flag(&self, sql: &'static str, params: Params<'_>) -> Result<bool, BookError> {
        self.expect(sql, &params, |row| get(row, "done")).await
    }
}

/// The parameters that every statement about an entry has first.
fn entry_params<'a>(entry: &'a Entry, messages: &'a [Json<&'a serde_json::Value>; 2]) -> Params<'a> {
    vec![
        (&messages[0], Type::JSONB),
        (&messages[1], Type::JSONB),
        (&entry.resource, Type::TEXT),
        (&entry.method, Type::TEXT),
        (&entry.body_sha256, Type::TEXT),
    ]
}

fn messages(entry: &Entry) -> [Json<&serde_json::Value>; 2] {
    [Json(&entry.payment), Json(&entry.requirements)]
}

impl Book for PgBook {
    fn submit<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Sale> {
        async move {
            let messages = messages(entry);
            let mut params = entry_params(entry, &messages);
            params.push((&entry.verified, Type::BOOL));
            self.expect(sql::SUBMIT, &params, sale).await
        }
        .boxed()
    }

    fn sell<'a>(&'a self, entry: &'a Entry, terms: Terms) -> Reply<'a, Sale> {
        async move {
            let limit = terms.max_unsettled.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
            let messages = messages(entry);
            let mut params = entry_params(entry, &messages);
            params.push((&entry.verified, Type::BOOL));
            params.push((&terms.hold, Type::BOOL));
            params.push((&limit, Type::INT4));
            self.expect(sql::SELL, &params, sale).await
        }
        .boxed()
    }

    fn is_recorded<'a>(&'a self, entry: &'a Entry) -> Reply<'a, bool> {
        async move {
            let [payment, requirements] = messages(entry);
            let params: Params<'_> = vec![(&payment, Type::JSONB), (&requirements, Type::JSONB)];
            self.flag(sql::IS_RECORDED, params).await
        }
        .boxed()
    }

    fn sale(&self, id: Uuid) -> Reply<'_, Option<Sale>> {
        async move { Ok(self.one(sql::SALE, &[(&id, Type::UUID)], sale).await?) }.boxed()
    }

    fn examine<'a>(&'a self, entry: &'a Entry) -> Reply<'a, Examined> {
        async move {
            let messages = messages(entry);
            self.expect(sql::EXAMINE, &entry_params(entry, &messages), examined)
                .await
        }
        .boxed()
    }

    fn claim(&self, id: Uuid, lease: Duration, settled_only: bool) -> Reply<'_, Claimed> {
        let claim = DeliveryClaim {
            id,
            lease,
            settled_only,
        };
        async move { the_only(self.claim_all(&[claim]).await?)? }.boxed()
    }

    fn extend(&self, id: Uuid, token: i64, lease: Duration) -> Reply<'_, bool> {
        async move {
            let lease = lease.as_secs_f64();
            let params: Params<'_> = vec![(&id, Type::UUID), (&token, Type::INT8), (&lease, Type::FLOAT8)];
            self.flag(sql::EXTEND_DELIVERY, params).await
        }
        .boxed()
    }

    fn answer<'a>(&'a self, id: Uuid, token: i64, answer: &'a Answer) -> Reply<'a, bool> {
        let answer = answer.clone();
        async move { the_only(self.answer_all(&[DeliveryAnswer { id, token, answer }]).await?) }.boxed()
    }

    fn settle_now(&self, id: Uuid) -> Reply<'_, bool> {
        async move { self.flag(sql::SETTLE_NOW, vec![(&id, Type::UUID)]).await }.boxed()
    }

    fn mark_delivered(&self, id: Uuid) -> Reply<'_, bool> {
        async move { self.flag(sql::MARK_DELIVERED, vec![(&id, Type::UUID)]).await }.boxed()
    }

    fn abandon(&self, id: Uuid, token: i64, interrupted: bool) -> Reply<'_, bool> {
        async move {
            let params: Params<'_> = vec![
                (&id, Type::UUID),
                (&token, Type::INT8),
                (&interrupted, Type::BOOL),
            ];
            self.flag(sql::ABANDON_DELIVERY, params).await
        }
        .boxed()
    }

    fn purge(&self) -> Reply<'_, u64> {
        async move {
            let purged: i64 = self
                .expect(sql::PURGE_ANSWERS, &[], |row| get(row, "purged"))
                .await?;
            Ok(u64::try_from(purged).unwrap_or(0))
        }
        .boxed()
    }

    fn vouched(&self) -> Reply<'_, Vec<VouchedToken>> {
        async move {
            let rows = self.pool.query(sql::VOUCHED_TOKENS, &[]).await?;
            Ok(rows.iter().map(vouched).collect::<Result<_, _>>()?)
        }
        .boxed()
    }
}

fn sale(row: &Row) -> Result<Sale, DbError> {
    let status: String = get(row, "status")?;
    let network: Option<String> = get(row, "network")?;
    let delivery: Option<String> = get(row, "delivery")?;
    Ok(Sale {
        id: get(row, "id")?,
        status: status.parse().map_err(|error| odd(&error))?,
        tx_hash: get(row, "tx_hash")?,
        payer: get(row, "payer")?,
        network: network.and_then(|name| name.parse().ok()),
        error_reason: get(row, "error_reason")?,
        delivery: match delivery.as_deref() {
            None => Delivery::None,
            Some("claimed") => Delivery::Claimed,
            Some("answered") => Delivery::Answered,
            Some(_) => Delivery::Open,
        },
    })
}

fn examined(row: &Row) -> Result<Examined, DbError> {
    let verdict: String = get(row, "verdict")?;
    let (reason, message): (Option<String>, Option<String>) = (get(row, "reason")?, get(row, "message")?);
    let status: Option<String> = get(row, "status")?;
    let delivered_for: Option<i64> = get(row, "delivered_for_ms")?;
    Ok(Examined {
        refusal: (verdict == "invalid").then(|| (reason.unwrap_or_default(), message.unwrap_or_default())),
        indeterminate: verdict == "indeterminate",
        payer: get(row, "payer")?,
        status: status
            .map(|status| status.parse())
            .transpose()
            .map_err(|error| odd(&error))?,
        delivered_for: delivered_for.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
    })
}

fn the_only<T>(answers: Vec<T>) -> Result<T, BookError> {
    let missing = || DbError::Contract("a function returned no row".to_owned());
    Ok(answers.into_iter().next().ok_or_else(missing)?)
}

fn vouched(row: &Row) -> Result<VouchedToken, DbError> {
    let (network, asset): (String, String) = (get(row, "network")?, get(row, "asset")?);
    let decimals: i32 = get(row, "decimals")?;
    Ok(VouchedToken {
        domain: VouchedDomain {
            network: network.parse().map_err(|_| odd(&network))?,
            asset: evm::address(&asset).ok_or_else(|| odd(&asset))?,
            name: get(row, "name")?,
            version: get(row, "version")?,
        },
        decimals: u8::try_from(decimals).ok(),
    })
}

pub(super) fn odd(what: &dyn std::fmt::Display) -> DbError {
    DbError::Contract(what.to_string())
}

impl From<DbError> for BookError {
    /// A statement that broke off may have been committed. Our own functions put the reason's word before a
    /// colon; other data errors (a NUL in a text, say) are the payload's fault as well.
    fn from(error: DbError) -> Self {
        match error {
            DbError::Server { code, message } if code.starts_with("X4") => {
                let (reason, sentence) = message.split_once(": ").unwrap_or(("invalid_payload", &message));
                Self::Refused {
                    reason: reason.to_owned(),
                    message: sentence.to_owned(),
                    sqlstate: code,
                }
            }
            DbError::Server { code, .. } if code.starts_with("22") => Self::Refused {
                sqlstate: code,
                reason: "invalid_payload".to_owned(),
                message: "the payment holds a value that cannot be stored".to_owned(),
            },
            DbError::Broken(_) | DbError::Timeout(_) => Self::Unsure(error.to_string()),
            DbError::Server { ref code, .. } if code.starts_with("57P") || code.starts_with("08") => {
                Self::Unsure(error.to_string())
            }
            DbError::Connect(_) | DbError::Server { .. } | DbError::Contract(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: &str, message: &str) -> BookError {
        BookError::from(DbError::Server {
            code: code.to_owned(),
            message: message.to_owned(),
        })
    }

    #[test]
    fn a_refusal_of_the_ledger_carries_the_reasons_word_and_its_sentence() {
        let refused = server(
            "X4019",
            "duplicate_settlement: the payment is bound: to another resource",
        );
        let expected = BookError::Refused {
            sqlstate: "X4019".into(),
            reason: "duplicate_settlement".into(),
            message: "the payment is bound: to another resource".into(),
        };
        assert_eq!(refused, expected);
        assert!(server("X4301", "too_many_unsettled: 100").is_limit());
        assert!(
            matches!(server("22P05", "unsupported Unicode escape"), BookError::Refused { reason, .. }
            if reason == "invalid_payload")
        );
    }

    #[test]
    fn only_what_cannot_have_been_written_is_called_unavailable() {
        let unsure = [
            DbError::Broken("closed".into()),
            DbError::Timeout(Duration::from_secs(1)),
            DbError::Server {
                code: "57P01".into(),
                message: "terminating".into(),
            },
        ];
        for error in unsure {
            assert!(matches!(BookError::from(error), BookError::Unsure(_)));
        }
        assert!(matches!(server("53300", "too many"), BookError::Unavailable(_)));
        let refused = BookError::from(DbError::Connect("refused".into()));
        assert!(matches!(refused, BookError::Unavailable(_)));
    }
}
