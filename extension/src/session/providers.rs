//! `insforge.providers` as the backend knows it: read at every login, parsed when it changed.

use std::cell::RefCell;
use std::sync::Arc;

use insforge_protocol::jwt::{KeySet, Keys, Profile, Verified};
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::OwnedPreparedStatement;

use super::refusal::Refusal;

/// Enabled providers that may have issued a token: those that name the issuer, then those that name none
/// (InsForge's own sessions carry no `iss`).
const CANDIDATES: &str = "
SELECT p.name, p.profile::text, p.jwks::text,
       p.keys_valid_until IS NULL OR p.keys_valid_until > pg_catalog.clock_timestamp(),
       (SELECT pg_catalog.array_agg(o.profile ->> 'user_prefix') FROM insforge.providers o
        WHERE o.name <> p.name AND o.enabled AND o.profile ->> 'user_prefix' <> '')
FROM insforge.providers p
WHERE p.enabled AND (p.profile -> 'iss' ? $1 OR NOT p.profile ? 'iss' OR p.profile -> 'iss' = '[]')
ORDER BY p.profile -> 'iss' ? $1 DESC NULLS LAST, p.name";

/// What is known of a verified token's subject: whether it is revoked, and whether the token says
/// something new about an organisation.
const SUBJECT: &str = "
SELECT EXISTS (SELECT FROM insforge.revocations r WHERE r.issuer = $1 AND r.subject = $2
               AND ($5 IS NULL OR pg_catalog.to_timestamp($5) < r.not_before)),
       $4 IS NOT NULL AND NOT EXISTS (SELECT FROM insforge.memberships m WHERE m.issuer = $1
               AND m.user_id = $3 AND m.org_id = $4 AND m.token_iat >= $5)";

const RECORD: &str = "SELECT insforge.record_exchange($1, $2, $3, $4, $5, $6, $7, $8)";

/// One provider that a token may be judged by.
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) profile: Profile,
    pub(super) keys: Arc<Keys>,
    pub(super) is_fresh: bool,
    /// What other providers put before their user ids.
    pub(super) other_prefixes: Vec<String>,
}

struct Parsed {
    name: String,
    profile_text: String,
    jwks_text: Option<String>,
    profile: Profile,
    keys: Arc<Keys>,
}

thread_local! {
    static PARSED: RefCell<Vec<Parsed>> = const { RefCell::new(Vec::new()) };
    static CANDIDATES_PLAN: RefCell<Option<OwnedPreparedStatement>> = const { RefCell::new(None) };
    static SUBJECT_PLAN: RefCell<Option<OwnedPreparedStatement>> = const { RefCell::new(None) };
}

/// The providers that a token with this issuer may be from.
pub(super) fn candidates(issuer: &str) -> Result<Vec<Candidate>, Refusal> {
    let rows = Spi::connect(|client| {
        CANDIDATES_PLAN.with_borrow_mut(|plan| {
            if plan.is_none() {
                *plan = Some(client.prepare(CANDIDATES, &oids(&[pg_sys::TEXTOID]))?.keep());
            }
            let Some(plan) = plan.as_ref() else {
                return Ok(Vec::new());
            };
            let mut rows = Vec::new();
            for row in client.select(plan, None, &[issuer.into()])? {
                rows.push((
                    row.get::<String>(1)?.unwrap_or_default(),
                    row.get::<String>(2)?.unwrap_or_default(),
                    row.get::<String>(3)?,
                    row.get::<bool>(4)?.unwrap_or(false),
                    row.get::<Vec<Option<String>>>(5)?.unwrap_or_default(),
                ));
            }
            Ok::<_, pgrx::spi::SpiError>(rows)
        })
    })?;
    rows.into_iter()
        .map(|(name, profile, jwks, is_fresh, prefixes)| {
            let (profile, keys) = parsed(&name, profile, jwks)?;
            let other_prefixes = prefixes.into_iter().flatten().collect();
            Ok(Candidate {
                name,
                profile,
                keys,
                is_fresh,
                other_prefixes,
            })
        })
        .collect()
}

/// Compares the texts themselves: that the row is the one parsed before is then beyond doubt, whatever
/// happened to the table.
fn parsed(
    name: &str,
    profile_text: String,
    jwks_text: Option<String>,
) -> Result<(Profile, Arc<Keys>), Refusal> {
    PARSED.with_borrow_mut(|all| {
        if let Some(known) = all.iter().find(|known| known.name == name)
            && known.profile_text == profile_text
            && known.jwks_text == jwks_text
        {
            return Ok((known.profile.clone(), known.keys.clone()));
        }
        all.retain(|known| known.name != name);
        let bad = |fault: String| Refusal::BadProfile {
            provider: name.to_owned(),
            fault,
        };
        let profile: Profile = serde_json::from_str(&profile_text).map_err(|error| bad(error.to_string()))?;
        let keys = match &jwks_text {
            None => profile.keys().clone(),
            Some(text) => {
                let set = KeySet::parse(text.as_bytes()).map_err(|error| bad(error.to_string()))?;
                Arc::new(Keys::from_set(set))
            }
        };
        all.push(Parsed {
            name: name.to_owned(),
            profile_text,
            jwks_text,
            profile: profile.clone(),
            keys: keys.clone(),
        });
        Ok((profile, keys))
    })
}

/// Refuses a revoked subject, and records the organisation that a token shows unless that is known
/// already or the transaction cannot write.
pub(super) fn check_in(candidate: &Candidate, token: &Verified) -> Result<(), Refusal> {
    let identity = &token.identity;
    let issuer = token.issuer.as_deref().unwrap_or(&candidate.name);
    let args: [DatumWithOid<'_>; 5] = [
        issuer.into(),
        token.subject.as_str().into(),
        identity.user_id.as_str().into(),
        identity.org_id.as_deref().into(),
        token.issued_at.into(),
    ];
    let (is_revoked, is_news) = Spi::connect(|client| {
        SUBJECT_PLAN.with_borrow_mut(|plan| {
            if plan.is_none() {
                let text = pg_sys::TEXTOID;
                *plan = Some(
                    client
                        .prepare(SUBJECT, &oids(&[text, text, text, text, pg_sys::INT8OID]))?
                        .keep(),
                );
            }
            let Some(plan) = plan.as_ref() else {
                return Ok((true, false));
            };
            let row = client.select(plan, None, &args)?.first();
            Ok::<_, pgrx::spi::SpiError>((
                row.get::<bool>(1)?.unwrap_or(true),
                row.get::<bool>(2)?.unwrap_or(false),
            ))
        })
    })?;
    if is_revoked {
        return Err(Refusal::Revoked);
    }
    if is_news && may_write() {
        record(candidate, token, issuer)?;
    }
    Ok(())
}

fn record(candidate: &Candidate, token: &Verified, issuer: &str) -> Result<(), Refusal> {
    let identity = &token.identity;
    let permissions: Vec<&str> = identity.permissions.iter().map(String::as_str).collect();
    Spi::run_with_args(
        RECORD,
        &[
            candidate.name.as_str().into(),
            issuer.into(),
            token.subject.as_str().into(),
            identity.user_id.as_str().into(),
            identity.org_id.as_deref().into(),
            identity.org_role.as_deref().into(),
            permissions.into(),
            token.issued_at.into(),
        ],
    )?;
    Ok(())
}

#[allow(unsafe_code, reason = "Postgres keeps this in a variable")]
fn may_write() -> bool {
    // SAFETY: a variable of the backend; a standby's transactions are read-only too.
    unsafe { !pg_sys::XactReadOnly }
}

fn oids(types: &[pg_sys::Oid]) -> Vec<pg_sys::PgOid> {
    types.iter().map(|oid| pg_sys::PgOid::from(*oid)).collect()
}
