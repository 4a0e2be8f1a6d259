use std::time::Duration;

use futures_util::future::BoxFuture;
use insforge_protocol::jwt::Verified;
use serde::Serialize;
use serde_json::Value;

/// What a verified token shows, as `insforge.record_exchanges` takes it.
#[derive(Debug, Clone, Serialize)]
pub struct Exchanged {
    /// Name of the provider in the configuration.
    pub provider: String,
    /// The token's `iss`, or the provider's name where tokens have none.
    pub issuer: String,
    /// The token's `sub`: what a revocation names.
    pub subject: String,
    /// The user as policies see them.
    pub user_id: String,
    /// The active organisation.
    pub org_id: Option<String>,
    /// The role there.
    pub role: Option<String>,
    /// The permissions there.
    pub permissions: Vec<String>,
    /// When the token was issued, seconds since 1970: the version of the above.
    pub iat: Option<i64>,
}

impl Exchanged {
    /// What this token shows.
    pub fn of(provider: &str, token: &Verified) -> Exchanged {
        let identity = &token.identity;
        Exchanged {
            provider: provider.to_owned(),
            issuer: token.issuer.clone().unwrap_or_else(|| provider.to_owned()),
            subject: token.subject.clone(),
            user_id: identity.user_id.clone(),
            org_id: identity.org_id.clone(),
            role: identity.org_role.clone(),
            permissions: identity.permissions.clone(),
            iat: token.issued_at,
        }
    }
}

/// What the database says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The membership, if the token shows one, is in the table.
    Recorded,
    /// The subject's tokens are revoked.
    Revoked,
    /// The owner has disabled the provider.
    Disabled,
}

/// Why the database did not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrarError {
    /// It cannot be reached or cannot write at present.
    #[error("{0}")]
    Unavailable(String),
    /// It refuses these very values.
    #[error("{0}")]
    Refused(String),
}

type Answer<'a, T> = BoxFuture<'a, Result<T, RegistrarError>>;

/// The database, as the exchange needs it.
pub trait Registrar: Send + Sync {
    /// Records what tokens show; one answer for each, in order.
    fn record<'a>(&'a self, exchanges: &'a [Exchanged]) -> Answer<'a, Vec<Recorded>>;

    /// Stores a provider and its keys, good for `keep`; `false` where the owner keeps that row.
    fn store_keys<'a>(
        &'a self,
        provider: &'a str,
        profile: &'a Value,
        jwks: &'a Value,
        keep: Duration,
    ) -> Answer<'a, bool>;

    /// Removes stored providers that are not among these; returns their names.
    fn keep_providers<'a>(&'a self, names: &'a [String]) -> Answer<'a, Vec<String>>;
}
