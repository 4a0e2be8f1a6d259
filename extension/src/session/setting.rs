//! The two settings, `insforge.session` and `insforge.require_login`, and what hangs on them.
#![allow(
    unsafe_code,
    reason = "Postgres defines settings by C structures and calls back into us"
)]

use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Ordering::Relaxed};

use pgrx::pg_sys;
use pgrx::prelude::*;

use super::guard;

const SESSION: &CStr = c"insforge.session";
const REQUIRE_LOGIN: &CStr = c"insforge.require_login";

/// Bits of [`STATE`].
const LOGGED_IN: u8 = 1;
const REQUIRED: u8 = 2;

/// Both settings in one byte: a policy looks at it for every row.
static STATE: AtomicU8 = AtomicU8::new(0);
/// Counts the changes of `insforge.session`, so that what was read from it is known to be current
/// without comparing it.
static GENERATION: AtomicU64 = AtomicU64::new(0);
/// Set while `insforge.login()` or `insforge.logout()` writes the setting.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Where Postgres keeps the values. The atomics have the layout of what they hold; a backend has one
/// thread, so nothing is ever in flight.
static SESSION_VALUE: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());
static REQUIRE_VALUE: AtomicBool = AtomicBool::new(false);

/// How long a login lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Transaction,
    Connection,
}

/// Whether claims alone do not say who is asking: somebody is logged in, or a login is required.
pub(crate) fn decides() -> bool {
    STATE.load(Relaxed) != 0
}

pub(super) fn is_logged_in() -> bool {
    STATE.load(Relaxed) & LOGGED_IN != 0
}

pub(super) fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// The setting's value; empty without a login.
pub(super) fn value() -> String {
    let value = SESSION_VALUE.load(Relaxed);
    if value.is_null() {
        return String::new();
    }
    // SAFETY: Postgres keeps a NUL-terminated string there until the setting changes, and this copies it.
    unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned()
}

/// Writes the setting. The transaction's end undoes it for [`Scope::Transaction`], its failure for both.
pub(super) fn put(value: &CStr, scope: Scope) {
    struct Closing;
    impl Drop for Closing {
        fn drop(&mut self) {
            OPEN.store(false, Relaxed);
        }
    }
    let action = match scope {
        Scope::Transaction => pg_sys::GucAction::GUC_ACTION_LOCAL,
        Scope::Connection => pg_sys::GucAction::GUC_ACTION_SET,
    };
    OPEN.store(true, Relaxed);
    // Also when Postgres raises an error, which unwinds through here.
    let _closing = Closing;
    // SAFETY: both strings are NUL-terminated and copied.
    unsafe {
        pg_sys::set_config_option(
            SESSION.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            action,
            true,
            0,
            false,
        );
    }
}

/// Called by Postgres when it loads the library.
#[pg_guard]
pub(super) extern "C-unwind" fn _PG_init() {
    let require = guard::inherited(REQUIRE_LOGIN);
    let flag = |bits: u32| i32::try_from(bits).unwrap_or(0);
    let hidden = pg_sys::GUC_NO_SHOW_ALL
        | pg_sys::GUC_NOT_IN_SAMPLE
        | pg_sys::GUC_DISALLOW_IN_FILE
        | pg_sys::GUC_SUPERUSER_ONLY;
    // SAFETY: names and texts are static; the variables are statics that outlive the backend's last look
    // at them; the hooks have the signatures that Postgres expects.
    unsafe {
        pg_sys::DefineCustomBoolVariable(
            REQUIRE_LOGIN.as_ptr(),
            c"Whether only insforge.login() gives a session an identity.".as_ptr(),
            c"On: request.jwt.claims counts for nothing.".as_ptr(),
            REQUIRE_VALUE.as_ptr(),
            require,
            pg_sys::GucContext::PGC_SUSET,
            0,
            None,
            Some(assign_require),
            None,
        );
        pg_sys::DefineCustomStringVariable(
            SESSION.as_ptr(),
            c"Who logged in by insforge.login().".as_ptr(),
            c"Written by insforge.login() and insforge.logout() only.".as_ptr(),
            SESSION_VALUE.as_ptr(),
            c"".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            flag(hidden),
            Some(check_session),
            Some(assign_session),
            None,
        );
    }
}

/// Lets a value in that we write ourselves, or that a parallel worker takes over from its leader, where
/// it came in by this same check. What databases and roles have for the setting comes from other sources,
/// in workers too.
unsafe extern "C-unwind" fn check_session(
    new: *mut *mut c_char,
    _: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: Postgres passes a valid pointer to the new value, null or NUL-terminated.
    let is_empty = unsafe { (*new).is_null() || **new == 0 };
    // SAFETY: The flag is set by the worker's main function before any setting is restored.
    let restores = unsafe { pg_sys::InitializingParallelWorker };
    if is_empty || (source == pg_sys::GucSource::PGC_S_SESSION && (OPEN.load(Relaxed) || restores)) {
        return true;
    }
    // SAFETY: Postgres prints the message and drops the pointer; it never frees or writes it.
    unsafe {
        pg_sys::GUC_check_errcode(PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE as i32);
        pg_sys::GUC_check_errmsg_string = c"insforge.session is written by insforge.login() only"
            .as_ptr()
            .cast_mut();
    }
    false
}

unsafe extern "C-unwind" fn assign_session(new: *const c_char, _: *mut c_void) {
    // SAFETY: null or NUL-terminated.
    let logged_in = !new.is_null() && unsafe { *new } != 0;
    GENERATION.fetch_add(1, Relaxed);
    turn(LOGGED_IN, logged_in);
}

unsafe extern "C-unwind" fn assign_require(new: bool, _: *mut c_void) {
    turn(REQUIRED, new);
}

fn turn(bit: u8, on: bool) {
    if on {
        STATE.fetch_or(bit, Relaxed);
    } else {
        STATE.fetch_and(!bit, Relaxed);
    }
}
