//! The trigger that rings the doorbell, or rather decides in a few nanoseconds that it need not.
#![allow(unsafe_code, reason = "Postgres' calling convention is C")]

use std::cell::RefCell;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use insforge_protocol::contract::DOORBELL_INTERVAL_MS;
use pgrx::pg_sys;
use pgrx::prelude::*;
use pgrx::spi::{OwnedPreparedStatement, SpiError};

/// When this backend last knew the bell to ring, in microseconds since 2000.
static RUNG: AtomicI64 = AtomicI64::new(i64::MIN);

thread_local! {
    static RING: RefCell<Option<OwnedPreparedStatement>> = const { RefCell::new(None) };
}

/// Rings if nobody did within the last 20 ms. Most of many inserts find that this very backend knows
/// of a ring, and look at nothing else.
#[pg_guard]
#[unsafe(no_mangle)]
pub(super) extern "C-unwind" fn x402_ring_doorbell(_fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    const INTERVAL: i64 = DOORBELL_INTERVAL_MS.cast_signed() * 1000;
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

/// Rings unless another backend did; when it last rang. Read once by each backend, since every backend asks as often
/// as the bell may ring.
fn ring(now: i64) -> Result<Option<i64>, SpiError> {
    Spi::connect_mut(|client| {
        RING.with_borrow_mut(|plan| {
            if plan.is_none() {
                let types = [pg_sys::INT8OID.into()];
                *plan = Some(client.prepare_mut("SELECT x402._ring($1)", &types)?.keep());
            }
            let Some(plan) = plan.as_ref() else {
                return Ok(None);
            };
            client.update(plan, Some(1), &[now.into()])?.first().get_one()
        })
    })
}

/// Tells Postgres which calling convention [`x402_ring_doorbell`] has.
#[unsafe(no_mangle)]
pub(super) extern "C" fn pg_finfo_x402_ring_doorbell() -> &'static pg_sys::Pg_finfo_record {
    const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}
