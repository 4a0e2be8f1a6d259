//! The trigger that rings the doorbell, or rather decides in a few nanoseconds that it need not.
#![allow(unsafe_code, reason = "Postgres' calling convention is C")]

use std::cell::RefCell;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use insforge_protocol::contract::DOORBELL_INTERVAL_MS;
use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::spi::{OwnedPreparedStatement, SpiClient, SpiError};

/// Microseconds in which it rings once.
const INTERVAL: i64 = DOORBELL_INTERVAL_MS.cast_signed() * 1000;

/// When this backend last knew the bell to ring, in microseconds since 2000.
static RUNG: AtomicI64 = AtomicI64::new(i64::MIN);

/// When it last rang.
const RUNG_AT: &str = "SELECT last_value FROM x402.doorbell";
/// Rings it unless somebody did meanwhile.
const RING: &str = "SELECT x402._ring($1)";

type Kept = RefCell<Option<OwnedPreparedStatement>>;

thread_local! {
    static RUNG_AT_PLAN: Kept = const { RefCell::new(None) };
    static RING_PLAN: Kept = const { RefCell::new(None) };
}

/// Rings if nobody did within the last 20 ms. Most of many inserts find that this very backend knows
/// of a ring, and look at nothing else.
#[pg_guard]
#[unsafe(no_mangle)]
pub(super) extern "C-unwind" fn x402_ring_doorbell(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: reads the clock.
    let now = unsafe { pg_sys::GetCurrentTimestamp() };
    let since = now.saturating_sub(RUNG.load(Relaxed));
    if !(0..INTERVAL).contains(&since) {
        match ring(now) {
            Ok(Some(rung)) => RUNG.store(rung, Relaxed),
            Ok(None) => {}
            Err(error) => error!("the doorbell failed: {error}"),
        }
    }
    pg_sys::Datum::from(0)
}

/// Rings unless another backend did; when it last rang. With many backends each of them asks for nearly every row, and
/// most find that another one rang: they look at the sequence only.
fn ring(now: i64) -> Result<Option<i64>, SpiError> {
    Spi::connect_mut(|client| {
        let rung = RUNG_AT_PLAN.with_borrow_mut(|plan| {
            let plan = kept(plan, client, RUNG_AT, &[])?;
            client.select(plan, Some(1), &[])?.first().get_one::<i64>()
        })?;
        if rung.is_some_and(|rung| (0..INTERVAL).contains(&now.saturating_sub(rung))) {
            return Ok(rung);
        }
        RING_PLAN.with_borrow_mut(|plan| {
            let plan = kept(plan, client, RING, &[pg_sys::INT8OID.into()])?;
            client.update(plan, Some(1), &[now.into()])?.first().get_one()
        })
    })
}

/// The plan of a statement, which each backend makes once.
fn kept<'a>(
    plan: &'a mut Option<OwnedPreparedStatement>,
    client: &SpiClient<'_>,
    statement: &str,
    types: &[pgrx::pg_sys::PgOid],
) -> Result<&'a OwnedPreparedStatement, SpiError> {
    match plan {
        Some(plan) => Ok(plan),
        none => Ok(none.insert(client.prepare_mut(statement, types)?.keep())),
    }
}

/// Tells Postgres which calling convention [`x402_ring_doorbell`] has.
#[unsafe(no_mangle)]
pub(super) extern "C" fn pg_finfo_x402_ring_doorbell() -> &'static pg_sys::Pg_finfo_record {
    const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}
