//! SQL: logging in and out, and who is logged in.

use insforge_protocol::jwt::Profile;
use pgrx::JsonB;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;
use serde_json::{Value, json};

use super::login::{log_in, log_out};
use super::setting::Scope;
use super::standing::{decides, with_state};
use crate::identity::with_claims;

#[pg_schema]
mod insforge {
    use super::*;

    /// Logs the session in as the user of a provider's token; the user's id.
    #[pg_extern(volatile, parallel_unsafe, security_definer)]
    #[search_path(pg_catalog, pg_temp)]
    fn login(token: Option<&str>, scope: default!(Option<&str>, "'transaction'")) -> String {
        log_in(token, scope).map_err(ErrorReport::from).unwrap_or_report()
    }

    /// Ends a login, of the transaction or of the connection.
    #[pg_extern(volatile, parallel_unsafe)]
    fn logout() {
        log_out();
    }

    /// Who is asking, and whether that is verified; NULL where nobody is known.
    #[pg_extern(stable, parallel_safe)]
    fn identity() -> Option<JsonB> {
        if decides() {
            verified_identity()
        } else {
            claimed_identity()
        }
    }

    /// Why a profile cannot be used for verifying tokens; NULL where it can.
    #[pg_extern(immutable, parallel_safe)]
    fn profile_fault(profile: Option<JsonB>) -> Option<String> {
        let profile = profile?.0;
        let secret = ["secret", "previous_secret"]
            .into_iter()
            .find(|name| profile.get(name).is_some());
        if let Some(secret) = secret {
            return Some(format!("`{secret}` must not be stored in the database"));
        }
        serde_json::from_value::<Profile>(profile)
            .err()
            .map(|error| error.to_string())
    }
}

fn verified_identity() -> Option<JsonB> {
    let identity = with_state(|state, _| {
        let mut identity = serde_json::to_value(&state.identity).ok()?;
        let more = json!({
            "verified": true,
            "provider": state.provider,
            "issuer": state.issuer,
            "expires_at": state.ends_at,
            "scope": match state.scope() {
                Scope::Transaction => "transaction",
                Scope::Connection => "connection",
            },
        });
        if let (Value::Object(identity), Value::Object(more)) = (&mut identity, more) {
            identity.extend(more);
        }
        Some(identity)
    })?;
    Some(JsonB(identity))
}

fn claimed_identity() -> Option<JsonB> {
    with_claims(|claims| {
        let user_id = claims.subject()?;
        Some(JsonB(
            json!({ "user_id": user_id, "email": claims.string("email"), "verified": false }),
        ))
    })
}
