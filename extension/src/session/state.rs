use insforge_protocol::claims::Claims;
use insforge_protocol::jwt::{Identity, Profile, ROLE, Verified};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::setting::Scope;

/// Postgres counts microseconds from the start of 2000, Unix seconds from 1970.
const EPOCH_DIFFERENCE_S: i64 = 946_684_800;

/// What `insforge.session` holds: who logged in, and how long that counts.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    /// The row of `insforge.providers` that vouched.
    pub(super) provider: String,
    /// The token's `iss`.
    pub(super) issuer: Option<String>,
    pub(super) identity: Identity,
    /// The token's claims, except that `sub`, `email` and `role` say what an exchanged token would say:
    /// a policy must not see two different users in one person.
    claims: Map<String, Value>,
    /// First second at which the token is no longer accepted, since 1970.
    pub(super) ends_at: i64,
    /// For a login of the connection's: the role that made it, and for which alone it counts. A pooler
    /// that resets the role but not the session would hand it to the next user otherwise.
    pub(super) role: Option<u32>,
}

impl State {
    pub(super) fn new(provider: &str, profile: &Profile, token: Verified, role: Option<u32>) -> State {
        let leeway = profile.spec().leeway_s.unwrap_or(0);
        let mut claims = token.claims;
        claims.insert("sub".to_owned(), json!(token.identity.user_id));
        claims.insert("role".to_owned(), json!(ROLE));
        match &token.identity.email {
            Some(email) => claims.insert("email".to_owned(), json!(email)),
            None => claims.remove("email"),
        };
        State {
            provider: provider.to_owned(),
            issuer: token.issuer,
            identity: token.identity,
            claims,
            ends_at: token.expires_at.saturating_add(leeway.into()),
            role,
        }
    }

    pub(super) fn claims(&self) -> Option<Claims> {
        Claims::parse(&serde_json::to_vec(&self.claims).ok()?).ok()
    }

    pub(super) fn scope(&self) -> Scope {
        match self.role {
            Some(_) => Scope::Connection,
            None => Scope::Transaction,
        }
    }

    /// As Postgres counts time.
    pub(super) fn ends_at_timestamp(&self) -> i64 {
        self.ends_at
            .saturating_sub(EPOCH_DIFFERENCE_S)
            .saturating_mul(1_000_000)
    }
}
