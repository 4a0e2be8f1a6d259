use std::fmt;

use jsonwebtoken::Algorithm;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde::Serialize;

use super::{Identity, Secret, base64url};
use crate::claims::usable_subject;

/// The role of every minted token. A constant: nothing a provider says can become a Postgres role.
pub const ROLE: &str = "authenticated";

/// The audience of every minted token, as InsForge's own tools expect it.
pub const AUDIENCE: &str = "insforge-api";

/// The header of every minted token: `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// How long a minted token may live, in seconds and seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Our own limit, in seconds from now.
    pub ttl_s: u32,
    /// When the provider's token expires.
    pub provider_exp: i64,
    /// Replaces `provider_exp` by this many seconds from now, for providers whose tokens last a minute
    /// while their sessions go on. `None`: never outlive the provider's token.
    pub session_cap_s: Option<u32>,
}

impl Lifetime {
    /// When a token minted at `now` expires: the earlier of the two limits.
    pub fn expires_at(&self, now: i64) -> i64 {
        let after = |seconds: u32| now.saturating_add(seconds.into());
        self.session_cap_s
            .map_or(self.provider_exp, after)
            .min(after(self.ttl_s))
    }
}

/// A minted token. Whoever holds it is the user, so it is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Minted {
    /// The token, ready for an `Authorization: Bearer` header.
    pub token: String,
    /// Its `exp`, in seconds since 1970.
    pub expires_at: i64,
}

/// Why no token is minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The user id is blank, contains NUL, or is longer than 1024 bytes.
    #[error("the user id cannot be put into a token")]
    BadSubject,
    /// The provider's token has no time left; it passed only by the leeway. Sign in again.
    #[error("the provider's token leaves no time for ours")]
    NoTimeLeft,
    /// The signing backend failed. Not expected; nothing about the request can be changed.
    #[error("the token could not be signed")]
    Signing,
}

/// The whole payload: custom claims would not survive InsForge's gateway, so none are promised.
#[derive(Serialize)]
struct Payload<'a> {
    sub: &'a str,
    role: &'static str,
    aud: &'static str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

/// Signs an InsForge token for an identity at `now` (seconds since 1970): HS256 with `sub`, `email`,
/// the constant [`ROLE`] and [`AUDIENCE`], `iat` and `exp`, and nothing else.
///
/// # Errors
/// [`MintError`]; [`MintError::NoTimeLeft`] is the one that ordinary use can meet.
pub fn mint(identity: &Identity, lifetime: Lifetime, now: i64, secret: &Secret) -> Result<Minted, MintError> {
    let expires_at = lifetime.expires_at(now);
    if expires_at <= now {
        return Err(MintError::NoTimeLeft);
    }
    let payload = Payload {
        sub: usable_subject(&identity.user_id).ok_or(MintError::BadSubject)?,
        role: ROLE,
        aud: AUDIENCE,
        iat: now,
        exp: expires_at,
        email: identity.email.as_deref().and_then(usable_subject),
    };
    let payload = serde_json::to_vec(&payload).map_err(|_| MintError::Signing)?;
    let input = format!(
        "{}.{}",
        base64url::encode(HEADER.as_bytes()),
        base64url::encode(&payload)
    );
    let signature = sign(input.as_bytes(), secret).ok_or(MintError::Signing)?;
    Ok(Minted {
        token: format!("{input}.{}", base64url::encode(&signature)),
        expires_at,
    })
}

fn sign(input: &[u8], secret: &Secret) -> Option<Vec<u8>> {
    let signer = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256, secret.signing()).ok()?;
    signer.try_sign(input).ok()
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minted")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
