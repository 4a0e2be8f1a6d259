use std::ffi::CString;

use insforge_protocol::jwt::{Token, verify_with_keys};
use pgrx::prelude::*;

use super::providers::{Candidate, candidates, check_in};
use super::refusal::Refusal;
use super::setting::{Scope, put};
use super::standing::outer_role;
use super::state::State;
use crate::identity::can_be_spelt;

/// Verifies a token and keeps its identity; the user's id.
pub(super) fn log_in(token: Option<&str>, scope: Option<&str>) -> Result<String, Refusal> {
    let (Some(token), Some(scope)) = (token, scope) else {
        return Err(Refusal::Null);
    };
    let scope = match scope {
        "transaction" => Scope::Transaction,
        "connection" => Scope::Connection,
        _ => return Err(Refusal::Scope),
    };
    if is_restricted() {
        return Err(Refusal::Restricted);
    }
    let state = judge(token, scope)?;
    if !state.claims().is_some_and(|claims| can_be_spelt(&claims)) {
        return Err(Refusal::Encoding);
    }
    let user_id = state.identity.user_id.clone();
    let text = serde_json::to_string(&state).map_err(|_| Refusal::Unkept)?;
    put(&CString::new(text).map_err(|_| Refusal::Unkept)?, scope);
    if scope == Scope::Transaction && !in_transaction_block() {
        warning!(
            "this login ends with the statement: call insforge.login() within a transaction block, or with scope 'connection'"
        );
    }
    Ok(user_id)
}

/// Ends a login of either scope.
pub(super) fn log_out() {
    put(c"", Scope::Connection);
}

/// Judges by each provider that may have issued the token; what the first of them found wrong is the
/// answer if all refuse.
fn judge(text: &str, scope: Scope) -> Result<State, Refusal> {
    let token = Token::parse(text)?;
    let mut refusal = Refusal::UnknownIssuer;
    for (tried, candidate) in candidates(token.unverified_issuer().unwrap_or_default())?
        .iter()
        .enumerate()
    {
        match judge_by(candidate, &token, scope) {
            Ok(state) => return Ok(state),
            Err(error) if tried == 0 => refusal = error,
            Err(_) => {}
        }
    }
    Err(refusal)
}

fn judge_by(candidate: &Candidate, token: &Token<'_>, scope: Scope) -> Result<State, Refusal> {
    if !candidate.is_fresh || (candidate.keys.set.is_empty() && candidate.keys.secrets.is_empty()) {
        return Err(Refusal::NoKeys(candidate.name.clone()));
    }
    let verified = verify_with_keys(token, &candidate.profile, &candidate.keys, now())?;
    let user_id = &verified.identity.user_id;
    let own = candidate
        .profile
        .spec()
        .user_prefix
        .as_deref()
        .unwrap_or_default();
    if own.is_empty()
        && candidate
            .other_prefixes
            .iter()
            .any(|prefix| user_id.starts_with(prefix))
    {
        return Err(Refusal::Reserved);
    }
    check_in(candidate, &verified)?;
    let role = (scope == Scope::Connection).then(|| outer_role().to_u32());
    Ok(State::new(&candidate.name, &candidate.profile, verified, role))
}

/// Seconds since 1970 by the clock on the wall: a long transaction must not keep an old token alive.
fn now() -> i64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or(i64::MAX)
}

#[allow(unsafe_code, reason = "only Postgres knows what is going on")]
fn is_restricted() -> bool {
    // SAFETY: reads variables of the backend.
    unsafe { pg_sys::InSecurityRestrictedOperation() }
}

#[allow(unsafe_code, reason = "as above")]
fn in_transaction_block() -> bool {
    // SAFETY: as above.
    unsafe { pg_sys::IsTransactionBlock() }
}
