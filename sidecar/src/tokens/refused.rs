use std::time::Duration;

use insforge_protocol::jwt::TokenError;

/// Why a token is not exchanged. Holds nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It fails a check.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No configured provider has its issuer.
    #[error("no configured provider has the token's issuer")]
    UnknownIssuer,
    /// It is an InsForge token already.
    #[error("this is an InsForge token; there is nothing to exchange it for")]
    InsforgeToken,
    /// The subject's tokens are revoked.
    #[error("tokens of this user issued before a certain moment are revoked")]
    Revoked,
    /// The owner of the database has disabled the provider.
    #[error("the provider is disabled")]
    Disabled,
    /// The user's id would pass for another provider's.
    #[error("the user's id begins with another provider's prefix")]
    ReservedUserId,
    /// It has no time left; it passed only by the leeway.
    #[error("the token leaves no time for another; get a new one")]
    NoTimeLeft,
    /// Too many from this address.
    #[error("too many requests from this address")]
    AddressLimited(Duration),
    /// Too many for this user.
    #[error("too many requests for this user")]
    SubjectLimited(Duration),
    /// The provider's keys could not be fetched yet, or not for a long time.
    #[error("the provider's keys are not available")]
    KeysUnavailable,
    /// The database cannot be reached, or refuses.
    #[error("the exchange cannot be recorded at present")]
    Unavailable,
    /// The signing backend failed.
    #[error("the token could not be signed")]
    Signing,
}

impl Refused {
    /// The stable name: metrics label, and `reason` in answers.
    pub fn name(&self) -> &'static str {
        match self {
            Refused::Token(error) => error.name(),
            Refused::UnknownIssuer => "unknown_issuer",
            Refused::InsforgeToken => "insforge_token",
            Refused::Revoked => "revoked",
            Refused::Disabled => "disabled",
            Refused::ReservedUserId => "reserved_user_id",
            Refused::NoTimeLeft => "no_time_left",
            Refused::AddressLimited(_) => "address_limited",
            Refused::SubjectLimited(_) => "subject_limited",
            Refused::KeysUnavailable => "keys_unavailable",
            Refused::Unavailable => "unavailable",
            Refused::Signing => "signing",
        }
    }

    /// Whether the same token may be good later, and after how long it makes sense to ask.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Refused::AddressLimited(wait) | Refused::SubjectLimited(wait) => Some(*wait),
            Refused::KeysUnavailable => Some(Duration::from_secs(5)),
            Refused::Unavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}
