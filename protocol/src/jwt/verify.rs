use std::fmt;

use serde_json::{Map, Value};

use super::check::Case;
use super::{Alg, Check, Identity, Keys, Profile, Token, TokenError};

/// Last second of the year 9999, since 1970: what `exp` and `iat` are cut to, so that any database and
/// any calendar can hold them.
const END_OF_TIME: f64 = 253_402_300_799.0;

/// A token that passed every check.
#[derive(Clone, PartialEq)]
pub struct Verified {
    /// Who it speaks for.
    pub identity: Identity,
    /// The issuer, if the token names one. With `user_id` this is what a revocation list is keyed by.
    pub issuer: Option<String>,
    /// The provider's own `sub`, without the profile's prefix.
    pub subject: String,
    /// `exp` in whole seconds since 1970, rounded down, at most the end of the year 9999.
    pub expires_at: i64,
    /// `iat` in whole seconds since 1970, rounded down: the version of what the token says about
    /// memberships.
    pub issued_at: Option<i64>,
    /// `jti`, if it is a string.
    pub token_id: Option<String>,
    /// The `kid` of the key that verified it.
    pub kid: Option<String>,
    /// The algorithm it was signed with.
    pub alg: Alg,
    /// All claims, as signed. Not shown by `Debug`: providers put whole tokens into claims.
    pub claims: Map<String, Value>,
}

/// Judges a token with the keys that came with the profile, at `now` (seconds since 1970).
///
/// # Errors
/// The first check that fails, in the order of [`Check::ALL`].
///
/// ```
/// use insforge_protocol::jwt::{Profile, TokenError, verify};
/// let profile: Profile = serde_json::from_str(
///     r#"{"preset": "clerk", "iss": "https://clerk.acme.example", "jwks": {"keys": []}}"#,
/// )?;
/// assert_eq!(verify("not a token", &profile, 1_800_000_000).unwrap_err(), TokenError::Malformed);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn verify(token: &str, profile: &Profile, now: i64) -> Result<Verified, TokenError> {
    verify_with_keys(&Token::parse(token)?, profile, profile.keys(), now)
}

/// Judges a parsed token with keys held elsewhere, for example a set that is fetched again and again.
///
/// # Errors
/// As [`verify`], from the third check on.
pub fn verify_with_keys(
    token: &Token<'_>,
    profile: &Profile,
    keys: &Keys,
    now: i64,
) -> Result<Verified, TokenError> {
    let case = Case {
        token,
        profile,
        keys,
        now,
    };
    Check::ALL.into_iter().try_for_each(|check| case.judge(check))?;
    let times = case.times()?;
    let text = |name: &str| token.claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Verified {
        identity: Identity::from_claims(&token.claims, profile)?,
        issuer: text("iss"),
        subject: text("sub").ok_or(TokenError::MissingSub)?,
        expires_at: whole_seconds(times.exp),
        issued_at: times.iat.map(whole_seconds),
        token_id: text("jti"),
        kid: token.header.kid.clone(),
        alg: case.alg()?,
        claims: token.claims.clone(),
    })
}

fn whole_seconds(time: f64) -> i64 {
    time.floor().clamp(0.0, END_OF_TIME) as i64
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("identity", &self.identity)
            .field("issuer", &self.issuer)
            .field("expires_at", &self.expires_at)
            .field("kid", &self.kid)
            .field("alg", &self.alg)
            .finish_non_exhaustive()
    }
}
