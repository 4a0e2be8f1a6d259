use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::ledger::Status;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::book::odd;
use super::rows::get;
use super::{DbError, PgBook, sql};
use crate::selling::{Answer, BookError, Claimed, Delivery, Entered, How, Kept, Order, Sale, Volume};

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
    max_unsettled: Option<u32>,
    begin: bool,
}

impl fmt::Debug for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").finish_non_exhaustive()
    }
}

impl<'a> Written<'a> {
    fn of(order: &'a Order) -> Self {
        let entry = &order.entry;
        let max_unsettled = match order.how {
            How::Submit => None,
            How::Sell { max_unsettled, .. } => max_unsettled.map(|n| n.min(i32::MAX.unsigned_abs())),
        };
        Self {
            payment: &entry.payment,
            requirements: &entry.requirements,
            resource: &entry.resource,
            method: entry.method.as_deref(),
            body_sha256: entry.body_sha256.as_deref(),
            deliver: order.how != How::Submit,
            hold: order.how.is_held(),
            max_unsettled,
            begin: order.begin,
        }
    }
}

impl Volume for PgBook {
    fn enter<'a>(&'a self, orders: &'a [Order], lease: Duration) -> Reply<'a, Vec<Option<Entered>>> {
        async move {
            let written: Vec<_> = orders.iter().map(Written::of).collect();
            // Only an intent must be on disk before anything else happens.
            let begins = orders.iter().any(|order| order.begin);
            let statement = if begins {
                sql::SELL_MANY
            } else {
                sql::SELL_MANY_SOON
            };
            let rows = self
                .pool
                .query(
                    statement,
                    &[
                        (&Json(written), Type::JSONB),
                        (&self.worker, Type::TEXT),
                        (&lease.as_secs_f64(), Type::FLOAT8),
                    ],
                )
                .await?;
            let mut entered: Vec<Option<Entered>> = orders.iter().map(|_| None).collect();
            place(&rows, &mut entered, |row| {
                Ok(Some(entered_of(row, orders.get(index(row)?))?))
            })?;
            Ok(entered)
        }
        .boxed()
    }

    fn claim_all<'a>(&'a self, claims: &'a [(Uuid, Duration, bool)]) -> Reply<'a, Vec<Claimed>> {
        async move {
            let ids: Vec<Uuid> = claims.iter().map(|(id, ..)| *id).collect();
            let leases: Vec<f64> = claims.iter().map(|(_, lease, _)| lease.as_secs_f64()).collect();
            let settled_only: Vec<bool> = claims.iter().map(|(.., settled_only)| *settled_only).collect();
            let rows = self
                .pool
                .query(
                    sql::CLAIM_DELIVERIES,
                    &[
                        (&ids, Type::UUID_ARRAY),
                        (&self.worker, Type::TEXT),
                        (&leases, Type::FLOAT8_ARRAY),
                        (&settled_only, Type::BOOL_ARRAY),
                    ],
                )
                .await?;
            all(&rows, claims.len(), claimed)
        }
        .boxed()
    }

    fn answer_all<'a>(&'a self, answers: &'a [(Uuid, i64, Answer)]) -> Reply<'a, Vec<bool>> {
        async move {
            let ids: Vec<Uuid> = answers.iter().map(|(id, ..)| *id).collect();
            let tokens: Vec<i64> = answers.iter().map(|(_, token, _)| *token).collect();
            let of = || answers.iter().map(|(.., answer)| answer);
            let statuses: Vec<i32> = of().map(|answer| i32::from(answer.status)).collect();
            let headers: Vec<_> = of().map(|answer| Json(&answer.headers)).collect();
            let bodies: Vec<_> = of().map(|answer| answer.body.as_deref()).collect();
            let keep: Vec<f64> = of().map(|answer| answer.keep.as_secs_f64()).collect();
            let delivered: Vec<bool> = of().map(|answer| answer.delivered).collect();
            let rows = self
                .pool
                .query(
                    sql::ANSWER_DELIVERIES,
                    &[
                        (&ids, Type::UUID_ARRAY),
                        (&tokens, Type::INT8_ARRAY),
                        (&statuses, Type::INT4_ARRAY),
                        (&headers, Type::JSONB_ARRAY),
                        (&bodies, Type::BYTEA_ARRAY),
                        (&keep, Type::FLOAT8_ARRAY),
                        (&delivered, Type::BOOL_ARRAY),
                    ],
                )
                .await?;
            let held = rows.iter().map(|row| get(row, "token"));
            let held = held.collect::<Result<HashSet<i64>, DbError>>()?;
            Ok(tokens.iter().map(|token| held.contains(token)).collect())
        }
        .boxed()
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

/// One value for each that was asked for.
fn all<T>(
    rows: &[Row],
    asked: usize,
    read: impl Fn(&Row) -> Result<T, DbError>,
) -> Result<Vec<T>, BookError> {
    let mut places: Vec<Option<T>> = (0..asked).map(|_| None).collect();
    place(rows, &mut places, |row| Ok(Some(read(row)?)))?;
    let places: Option<Vec<T>> = places.into_iter().collect();
    Ok(places.ok_or_else(|| odd(&"a delivery is not there"))?)
}

fn entered_of(row: &Row, order: Option<&Order>) -> Result<Entered, DbError> {
    let network: String = get(row, "network")?;
    let begun: Option<i64> = get(row, "lease_token")?;
    let at: i64 = get(row, "entered_unix")?;
    let delivered_here = order.is_some_and(|order| order.how != How::Submit);
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
            delivery: if delivered_here {
                Delivery::Open
            } else {
                Delivery::None
            },
        },
        begun,
        at_unix: u64::try_from(at).unwrap_or(0),
    })
}

fn claimed(row: &Row) -> Result<Claimed, DbError> {
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
