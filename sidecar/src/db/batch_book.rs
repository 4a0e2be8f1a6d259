use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::ledger::Status;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql, Type};
use uuid::Uuid;

use super::book::odd;
use super::rows::get;
use super::{DbError, PgBook, sql};
use crate::selling::{
    BatchBook, BookError, Claimed, Delivery, DeliveryAnswer, DeliveryClaim, Entered, How, Kept, NewSale, Sale,
};

type Param<'a> = (&'a (dyn ToSql + Sync), Type);
type Reply<'a, T> = BoxFuture<'a, Result<T, BookError>>;

/// A payment as `x402.sell_many` takes it.
#[derive(Serialize)]
struct Written<'a> {
    payment: &'a Value,
    requirements: &'a Value,
    resource: &'a str,
    method: Option<&'a str>,
    body_sha256: Option<&'a str>,
    deliver: bool,
    hold: bool,
    max_unsettled: Option<i32>,
    begin: bool,
    claim_ms: Option<i32>,
}

impl fmt::Debug for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").finish_non_exhaustive()
    }
}

impl<'a> Written<'a> {
    fn of(sale: &'a NewSale) -> Self {
        let entry = &sale.entry;
        let terms = match sale.how {
            How::Submit => None,
            How::Sell(terms) => Some(terms),
        };
        Self {
            payment: &entry.payment,
            requirements: &entry.requirements,
            resource: &entry.resource,
            method: entry.method.as_deref(),
            body_sha256: entry.body_sha256.as_deref(),
            deliver: terms.is_some(),
            hold: sale.how.is_held(),
            max_unsettled: terms
                .and_then(|terms| terms.max_unsettled)
                .map(|n| i32::try_from(n).unwrap_or(i32::MAX)),
            begin: sale.begin,
            claim_ms: terms
                .and_then(|terms| terms.claim)
                .map(|lease| i32::try_from(lease.as_millis()).unwrap_or(i32::MAX)),
        }
    }
}

impl BatchBook for PgBook {
    fn enter<'a>(&'a self, sales: &'a [NewSale], lease: Duration) -> Reply<'a, Vec<Option<Entered>>> {
        async move {
            let written = Json(sales.iter().map(Written::of).collect::<Vec<_>>());
            // Only an intent must be on disk before anything else happens.
            let begins = sales.iter().any(|sale| sale.begin);
            let statement = if begins {
                sql::SELL_MANY
            } else {
                sql::SELL_MANY_SOON
            };
            let seconds = lease.as_secs_f64();
            let params: [Param<'_>; 3] = [
                (&written, Type::JSONB),
                (&self.worker, Type::TEXT),
                (&seconds, Type::FLOAT8),
            ];
            let rows = self.batch(statement, &params).await?;
            let mut entered: Vec<Option<Entered>> = sales.iter().map(|_| None).collect();
            let read = |row: &Row| Ok(Some(entered_of(row, sales.get(index(row)?))?));
            // The rows are committed: what cannot be read here is found by whoever asks about it alone.
            place(&rows, &mut entered, read).map_err(|error| BookError::Unsure(error.to_string()))?;
            Ok(entered)
        }
        .boxed()
    }

    fn claim_all<'a>(&'a self, claims: &'a [DeliveryClaim]) -> Reply<'a, Vec<Result<Claimed, BookError>>> {
        async move {
            let ids: Vec<Uuid> = claims.iter().map(|claim| claim.id).collect();
            let leases: Vec<f64> = claims.iter().map(|claim| claim.lease.as_secs_f64()).collect();
            let settled_only: Vec<bool> = claims.iter().map(|claim| claim.settled_only).collect();
            let params: [Param<'_>; 4] = [
                (&ids, Type::UUID_ARRAY),
                (&self.worker, Type::TEXT),
                (&leases, Type::FLOAT8_ARRAY),
                (&settled_only, Type::BOOL_ARRAY),
            ];
            let rows = self.batch(sql::CLAIM_DELIVERIES, &params).await?;
            // A row that is missing or odd is that claim's own affair: the others are committed.
            let missing = || Err(odd(&"a delivery is not there").into());
            let mut claimed: Vec<_> = claims.iter().map(|_| missing()).collect();
            place(&rows, &mut claimed, |row| {
                Ok(read_claim(row).map_err(BookError::from))
            })?;
            Ok(claimed)
        }
        .boxed()
    }

    fn answer_all<'a>(&'a self, answers: &'a [DeliveryAnswer]) -> Reply<'a, Vec<bool>> {
        async move {
            let ids: Vec<Uuid> = answers.iter().map(|one| one.id).collect();
            let tokens: Vec<i64> = answers.iter().map(|one| one.token).collect();
            let of = || answers.iter().map(|one| &one.answer);
            let statuses: Vec<i32> = of().map(|answer| i32::from(answer.status)).collect();
            let headers: Vec<_> = of().map(|answer| Json(&answer.headers)).collect();
            let bodies: Vec<_> = of().map(|answer| answer.body.as_deref()).collect();
            let keep: Vec<String> = of()
                .map(|answer| format!("{} ms", answer.keep.as_millis()))
                .collect();
            let delivered: Vec<bool> = of().map(|answer| answer.delivered).collect();
            let params: [Param<'_>; 7] = [
                (&ids, Type::UUID_ARRAY),
                (&tokens, Type::INT8_ARRAY),
                (&statuses, Type::INT4_ARRAY),
                (&headers, Type::JSONB_ARRAY),
                (&bodies, Type::BYTEA_ARRAY),
                (&keep, Type::TEXT_ARRAY),
                (&delivered, Type::BOOL_ARRAY),
            ];
            let rows = self.batch(sql::ANSWER_DELIVERIES, &params).await?;
            let held = rows
                .iter()
                .map(|row| Ok((get(row, "payment_id")?, get(row, "token")?)));
            let held = held.collect::<Result<HashSet<(Uuid, i64)>, DbError>>()?;
            Ok(ids
                .into_iter()
                .zip(tokens)
                .map(|one| held.contains(&one))
                .collect())
        }
        .boxed()
    }
}

impl PgBook {
    /// One statement for many. What the server refuses was rolled back, whatever the reason: one of many may be at
    /// fault.
    async fn batch(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, BookError> {
        self.pool
            .query(sql, params)
            .await
            .map_err(|error| match (BookError::from(error.clone()), error) {
                (BookError::Unavailable(_), DbError::Server { code, message }) => BookError::Refused {
                    sqlstate: code,
                    reason: "unexpected_settle_error".to_owned(),
                    message,
                },
                (known, _) => known,
            })
    }
}

/// Which of those asked for a row answers; the database counts from 1.
fn index(row: &Row) -> Result<usize, DbError> {
    let n: i64 = get(row, "n")?;
    usize::try_from(n - 1).map_err(|error| odd(&error))
}

/// Puts each row's value in its place.
fn place<T>(
    rows: &[Row],
    places: &mut [T],
    read: impl Fn(&Row) -> Result<T, DbError>,
) -> Result<(), DbError> {
    for row in rows {
        let place = places
            .get_mut(index(row)?)
            .ok_or_else(|| odd(&"an answer too many"))?;
        *place = read(row)?;
    }
    Ok(())
}

fn entered_of(row: &Row, sale: Option<&NewSale>) -> Result<Entered, DbError> {
    let network: String = get(row, "network")?;
    let begun: Option<i64> = get(row, "lease_token")?;
    let at: i64 = get(row, "entered_unix")?;
    let claimed: Option<i64> = get(row, "delivery_token")?;
    let delivered_here = sale.is_some_and(|sale| sale.how != How::Submit);
    Ok(Entered {
        sale: Sale {
            id: get(row, "id")?,
            status: if begun.is_some() {
                Status::Settling
            } else {
                Status::Pending
            },
            tx_hash: None,
            payer: get(row, "payer")?,
            network: network.parse().ok(),
            error_reason: None,
            delivery: match claimed {
                Some(token) => Delivery::Ours(token),
                None if delivered_here => Delivery::Open,
                None => Delivery::None,
            },
        },
        begun,
        at_unix: u64::try_from(at).unwrap_or(0),
    })
}

fn read_claim(row: &Row) -> Result<Claimed, DbError> {
    let token: Option<i64> = get(row, "token")?;
    if let Some(token) = token {
        return Ok(Claimed::Ours(token));
    }
    let (state, status): (String, String) = (get(row, "state")?, get(row, "status")?);
    match state.as_str() {
        "answered" => {
            let status: Option<i32> = get(row, "answer_status")?;
            let headers: Option<Json<Vec<(String, String)>>> = get(row, "answer_headers")?;
            let body: Option<Vec<u8>> = get(row, "answer_body")?;
            let kept = status.zip(body).map(|(status, body)| Kept {
                status: u16::try_from(status).unwrap_or(200),
                headers: headers.map(|headers| headers.0).unwrap_or_default(),
                body,
            });
            Ok(Claimed::Answered(kept))
        }
        "claimed" => {
            let busy: Option<i64> = get(row, "busy_ms")?;
            let busy = u64::try_from(busy.unwrap_or(0)).unwrap_or(0);
            Ok(Claimed::Busy(Duration::from_millis(busy)))
        }
        _ => Ok(Claimed::Unpaid(status.parse().map_err(|error| odd(&error))?)),
    }
}
