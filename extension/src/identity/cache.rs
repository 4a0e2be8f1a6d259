//! Claims parsed once per value of the setting.
//!
//! The key is the setting's exact bytes, compared on every read: a transaction-local setting changes
//! back at a savepoint's rollback, so "once per transaction" would answer for the wrong user.
#![allow(
    unsafe_code,
    reason = "the setting is a C string, and the answer a datum Postgres owns"
)]

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int};

use insforge_protocol::claims::{Claims, Unusable};
use pgrx::{IntoDatum, PgMemoryContexts, pg_sys, warning};

use super::setting::claims_setting;
use crate::session;

/// What the session's claims were when they were last read.
struct Cached {
    key: RefCell<Cow<'static, CStr>>,
    claims: RefCell<Option<Claims>>,
    subject: Cell<Option<Subject>>,
    warned: Cell<bool>,
}

/// The caller's id as a text datum. It is made once per transaction and value, in memory that lives as
/// long as the transaction: a policy then costs a comparison per row, and nobody holds a pointer to an
/// id that a later change of the setting would free.
#[derive(Clone, Copy)]
struct Subject {
    transaction: pg_sys::LocalTransactionId,
    datum: Option<pg_sys::Datum>,
}

/// A static of one backend; a thread-local costs a call for each look.
pub(crate) struct Backend<T>(pub(crate) T);

// SAFETY: a backend runs SQL functions in one thread only, and nothing else reaches this module.
unsafe impl<T> Sync for Backend<T> {}

static CACHED: Backend<Cached> = Backend(Cached {
    key: RefCell::new(Cow::Borrowed(c"")),
    claims: RefCell::new(None),
    subject: Cell::new(None),
    warned: Cell::new(false),
});

/// Gives `read` the caller's claims; `None` where there are none that can be used.
pub(crate) fn with_claims<R>(read: impl FnOnce(&Claims) -> Option<R>) -> Option<R> {
    if session::decides() {
        return session::with_claims(read);
    }
    let setting = claims_setting();
    if setting.is_null() {
        return None;
    }
    if !is_current(setting) {
        read_anew(setting);
    }
    CACHED.0.claims.borrow().as_ref().and_then(read)
}

/// The caller's id, if the cache has it for this setting and transaction. Calls nothing of Postgres
/// that could raise an error.
pub(super) fn cached_subject() -> Option<Option<pg_sys::Datum>> {
    if session::decides() {
        return session::cached_subject();
    }
    let setting = claims_setting();
    if setting.is_null() {
        return Some(None);
    }
    let subject = CACHED.0.subject.get()?;
    (subject.transaction == current_transaction() && is_current(setting)).then_some(subject.datum)
}

/// The caller's id, read anew.
pub(super) fn fresh_subject() -> Option<pg_sys::Datum> {
    if session::decides() {
        return session::fresh_subject();
    }
    let datum = with_claims(|claims| {
        let subject = claims.subject()?;
        // SAFETY: the context exists whenever a function runs, and outlives this call.
        unsafe { PgMemoryContexts::TopTransactionContext.switch_to(|_| subject.into_datum()) }
    });
    CACHED.0.subject.set(Some(Subject {
        transaction: current_transaction(),
        datum,
    }));
    datum
}

fn is_current(setting: *const c_char) -> bool {
    unsafe extern "C" {
        fn strcmp(a: *const c_char, b: *const c_char) -> c_int;
    }
    let key = CACHED.0.key.borrow();
    // SAFETY: both are NUL-terminated, and the setting unchanged until somebody sets it. One pass over
    // long claims, where finding a length first would take two.
    unsafe { strcmp(key.as_ptr(), setting) == 0 }
}

fn read_anew(setting: *const c_char) {
    // SAFETY: as above.
    let setting = unsafe { CStr::from_ptr(setting) };
    let parsed = Claims::parse(setting.to_bytes());
    let malformed = matches!(parsed, Err(Unusable::NotJson));
    CACHED.0.subject.set(None);
    *CACHED.0.claims.borrow_mut() = parsed.ok().filter(can_be_spelt);
    *CACHED.0.key.borrow_mut() = Cow::Owned(setting.to_owned());
    // One warning per backend: a broken gateway would otherwise flood the log.
    if malformed && !CACHED.0.warned.replace(true) {
        warning!("request.jwt.claims is not JSON: this session has no identity");
    }
}

/// Whether the database's encoding spells these claims as JSON does. Of one that is not UTF-8 only ASCII is
/// sure: the escape `\u00e9` would become the two bytes that are another user's "Ã©" in LATIN1.
pub(crate) fn can_be_spelt(claims: &Claims) -> bool {
    // SAFETY: reads a variable of the backend.
    let encoding = unsafe { pg_sys::GetDatabaseEncoding() };
    let is_utf8 = u32::try_from(encoding).is_ok_and(|e| e == pg_sys::pg_enc::PG_UTF8);
    is_utf8 || claims.is_ascii()
}

/// The local number of the running transaction: no two transactions of a backend share one.
pub(crate) fn current_transaction() -> pg_sys::LocalTransactionId {
    // SAFETY: a backend that runs a function has its entry in the process array.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        return (*pg_sys::MyProc).lxid;
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        return (*pg_sys::MyProc).vxid.lxid;
    }
}
