/// Why a token was refused. Says which check failed and never holds any part of the token.
///
/// Only [`TokenError::UnknownKid`] asks for an action: fetch the provider's key set again, at most
/// once per cool-down, and judge the token anew. All others are final for this token and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    #[error("the token is longer than 16384 bytes")]
    TooLarge,
    /// Not three strict base64url parts holding JSON objects, or a header member of a wrong type.
    #[error("the token is not a well-formed signed JWT")]
    Malformed,
    /// A member name occurs twice in one object: two readers could see two tokens.
    #[error("the token repeats a JSON member name")]
    DuplicateMember,
    /// The header has `crit`; no extension is understood here (RFC 7515 §4.1.11).
    #[error("the token demands an extension (`crit`) that is not supported")]
    BadCrit,
    /// The header's `alg` is not in the profile's list.
    #[error("the token's `alg` is not allowed for this provider")]
    AlgNotAllowed,
    /// No key of the set has this `kid`, or without a `kid` not exactly one key fits.
    #[error("no key of the provider matches the token's `kid`")]
    UnknownKid,
    /// The key named by `kid` is of another family, or declares another `alg`.
    #[error("the key named by `kid` is not for the token's `alg`")]
    KeyAlgMismatch,
    /// The key fits but is too weak to prove anything.
    #[error("the provider's key is too weak")]
    WeakKey,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    BadSignature,
    /// Another kind of token of the same issuer, for example a refresh token (RFC 8725 §3.12).
    #[error("this kind of token is not accepted")]
    WrongTokenType,
    /// There is no `exp`.
    #[error("the token has no `exp`")]
    MissingExp,
    /// `exp`, `nbf` or `iat` is not a JSON number.
    #[error("a time claim is not a number")]
    BadClaimType,
    /// `exp` has passed, leeway included.
    #[error("the token has expired")]
    Expired,
    /// `nbf` has not come yet, leeway included.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies in the future, leeway included.
    #[error("the token was issued in the future; check the clocks")]
    IatInFuture,
    /// The token lives longer than the profile's `max_lifetime_s`.
    #[error("the token lives longer than this provider's tokens may")]
    LifetimeTooLong,
    /// `iss` is missing or not exactly one of the profile's issuers.
    #[error("the token is from another issuer")]
    BadIssuer,
    /// `aud` is missing, malformed, or does not name the profile's audience.
    #[error("the token is for another audience")]
    BadAudience,
    /// There is no `sub`, or no claim where the profile looks for the user id.
    #[error("the token names no user")]
    MissingSub,
    /// `sub` is not a usable string: empty, blank, with NUL, or longer than 1024 bytes.
    #[error("the token's `sub` cannot identify a user")]
    BadSub,
    /// `azp` is present and not one of the profile's authorised parties.
    #[error("the token was issued to another application (`azp`)")]
    BadAzp,
    /// Clerk `sts=pending`: the user has yet to finish signing in.
    #[error("the session is pending: the user has not finished signing in")]
    SessionPending,
    /// A machine's token where users are expected (Auth0 client credentials).
    #[error("the token belongs to a machine, not to a user")]
    MachineToken,
}

impl TokenError {
    /// Every error, in the order in which the checks are made.
    pub const ALL: [TokenError; 23] = [
        TokenError::TooLarge,
        TokenError::Malformed,
        TokenError::DuplicateMember,
        TokenError::BadCrit,
        TokenError::AlgNotAllowed,
        TokenError::UnknownKid,
        TokenError::KeyAlgMismatch,
        TokenError::WeakKey,
        TokenError::BadSignature,
        TokenError::WrongTokenType,
        TokenError::MissingExp,
        TokenError::BadClaimType,
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::IatInFuture,
        TokenError::LifetimeTooLong,
        TokenError::BadIssuer,
        TokenError::BadAudience,
        TokenError::MissingSub,
        TokenError::BadSub,
        TokenError::BadAzp,
        TokenError::SessionPending,
        TokenError::MachineToken,
    ];

    /// The stable name used in metrics labels, SQL and test vectors.
    pub fn name(self) -> &'static str {
        match self {
            TokenError::TooLarge => "too_large",
            TokenError::Malformed => "malformed",
            TokenError::DuplicateMember => "duplicate_member",
            TokenError::BadCrit => "bad_crit",
            TokenError::AlgNotAllowed => "alg_not_allowed",
            TokenError::UnknownKid => "unknown_kid",
            TokenError::KeyAlgMismatch => "key_alg_mismatch",
            TokenError::WeakKey => "weak_key",
            TokenError::BadSignature => "bad_signature",
            TokenError::WrongTokenType => "wrong_token_type",
            TokenError::MissingExp => "missing_exp",
            TokenError::BadClaimType => "bad_claim_type",
            TokenError::Expired => "expired",
            TokenError::NotYetValid => "not_yet_valid",
            TokenError::IatInFuture => "iat_in_future",
            TokenError::LifetimeTooLong => "lifetime_too_long",
            TokenError::BadIssuer => "bad_issuer",
            TokenError::BadAudience => "bad_audience",
            TokenError::MissingSub => "missing_sub",
            TokenError::BadSub => "bad_sub",
            TokenError::BadAzp => "bad_azp",
            TokenError::SessionPending => "session_pending",
            TokenError::MachineToken => "machine_token",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_error_has_a_name_of_its_own() {
        let names: HashSet<_> = TokenError::ALL.iter().map(|e| e.name()).collect();
        assert_eq!(names.len(), TokenError::ALL.len());
    }
}
