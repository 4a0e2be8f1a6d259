//! Who is asking, where a login says so, at the price of a few comparisons: a policy may ask for every
//! row.
#![allow(
    unsafe_code,
    reason = "the answer is a datum Postgres owns, and pgrx' wrappers cost more than the calls"
)]

use std::cell::{Cell, RefCell};

use insforge_protocol::claims::Claims;
use pgrx::{IntoDatum, PgMemoryContexts, pg_sys};

pub(crate) use super::setting::decides;
use super::setting::{generation, is_logged_in, value};
use super::state::State;
use crate::identity::{Backend, can_be_spelt, current_transaction};

// Neither of them can raise an error.
unsafe extern "C" {
    fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
    fn GetOuterUserId() -> pg_sys::Oid;
}

/// What the setting held when it was last read.
struct Current {
    generation: Cell<u64>,
    read: RefCell<Option<Read>>,
    subject: Cell<Option<Subject>>,
}

struct Read {
    state: State,
    claims: Claims,
    term: Term,
}

/// How long and for whom a login counts.
#[derive(Clone, Copy)]
struct Term {
    until: pg_sys::TimestampTz,
    role: Option<pg_sys::Oid>,
}

/// The user's id as a datum that lives as long as the transaction.
#[derive(Clone, Copy)]
struct Subject {
    transaction: pg_sys::LocalTransactionId,
    generation: u64,
    term: Term,
    datum: Option<pg_sys::Datum>,
}

static CURRENT: Backend<Current> = Backend(Current {
    generation: Cell::new(0),
    read: RefCell::new(None),
    subject: Cell::new(None),
});

impl Term {
    /// Statement time, so that one statement gives one answer; in a parallel worker it is the leader's.
    fn counts(self) -> bool {
        // SAFETY: both only read a variable of the backend.
        unsafe {
            GetCurrentStatementStartTimestamp() < self.until
                && self.role.is_none_or(|role| role == GetOuterUserId())
        }
    }
}

/// Gives `read` the claims of who logged in; `None` if nobody did, or if the login does not count. A login
/// that ended is no reason to believe claims again that anybody can set.
pub(crate) fn with_claims<R>(read: impl FnOnce(&Claims) -> Option<R>) -> Option<R> {
    with_state(|_, claims| read(claims))
}

/// As above, with everything that is known about the login.
pub(super) fn with_state<R>(read: impl FnOnce(&State, &Claims) -> Option<R>) -> Option<R> {
    if !is_logged_in() {
        return None;
    }
    if CURRENT.0.generation.get() != generation() {
        *CURRENT.0.read.borrow_mut() = read_anew();
        CURRENT.0.generation.set(generation());
    }
    let current = CURRENT.0.read.borrow();
    current
        .as_ref()
        .filter(|now| now.term.counts())
        .and_then(|now| read(&now.state, &now.claims))
}

/// The user's id, if it is known for this login and transaction. Calls nothing of Postgres that could
/// raise an error.
pub(crate) fn cached_subject() -> Option<Option<pg_sys::Datum>> {
    if !is_logged_in() {
        return Some(None);
    }
    let subject = CURRENT.0.subject.get()?;
    let current = subject.transaction == current_transaction() && subject.generation == generation();
    (current && subject.term.counts()).then_some(subject.datum)
}

/// The user's id, read anew.
pub(crate) fn fresh_subject() -> Option<pg_sys::Datum> {
    let datum = with_claims(|claims| {
        let subject = claims.subject()?;
        // SAFETY: the context exists whenever a function runs, and outlives this call.
        unsafe { PgMemoryContexts::TopTransactionContext.switch_to(|_| subject.into_datum()) }
    });
    // A login that does not count now may count again, for its role: that answer is not kept.
    let term = CURRENT
        .0
        .read
        .borrow()
        .as_ref()
        .map(|now| now.term)
        .filter(|term| term.counts());
    CURRENT.0.subject.set(term.map(|term| Subject {
        transaction: current_transaction(),
        generation: generation(),
        term,
        datum,
    }));
    datum
}

fn read_anew() -> Option<Read> {
    let state: State = serde_json::from_str(&value()).ok()?;
    let term = Term {
        until: state.ends_at_timestamp(),
        role: state.role.map(pg_sys::Oid::from),
    };
    Some(Read {
        claims: state.claims().filter(can_be_spelt)?,
        term,
        state,
    })
}

/// The role in force, as `SET ROLE` or the login left it; a SECURITY DEFINER function does not change it.
pub(super) fn outer_role() -> pg_sys::Oid {
    // SAFETY: as above.
    unsafe { GetOuterUserId() }
}
