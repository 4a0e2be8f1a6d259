//! SQL: `requesting_user_id()`, by Postgres' own calling convention: the wrapper that pgrx would make
//! copies the id for every row.
#![allow(unsafe_code, reason = "Postgres' calling convention is C")]

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::cache::{cached_subject, fresh_subject};

/// The caller's user id, or NULL. Without a guard, which would be a third of the price: what it does
/// itself cannot fail, and the rest is guarded.
#[unsafe(no_mangle)]
pub(super) extern "C-unwind" fn insforge_requesting_user_id(
    fcinfo: pg_sys::FunctionCallInfo,
) -> pg_sys::Datum {
    match cached_subject() {
        Some(subject) => answer(fcinfo, subject),
        None => read_subject(fcinfo),
    }
}

#[pg_guard]
extern "C-unwind" fn read_subject(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    answer(fcinfo, fresh_subject())
}

fn answer(fcinfo: pg_sys::FunctionCallInfo, subject: Option<pg_sys::Datum>) -> pg_sys::Datum {
    // SAFETY: Postgres passes a valid fcinfo, whose `isnull` is ours to set.
    unsafe { (*fcinfo).isnull = subject.is_none() };
    subject.unwrap_or(pg_sys::Datum::from(0))
}

/// Tells Postgres which calling convention the function has.
#[unsafe(no_mangle)]
pub(super) extern "C" fn pg_finfo_insforge_requesting_user_id() -> &'static pg_sys::Pg_finfo_record {
    const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}
