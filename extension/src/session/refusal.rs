use insforge_protocol::jwt::TokenError;
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::panic::ErrorReport;

/// Why `insforge.login()` does not log in. No variant holds anything of the token.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// An argument is NULL.
    #[error("insforge.login() needs a token and a scope, not NULL")]
    Null,
    /// Neither `transaction` nor `connection`.
    #[error("a login lasts for the transaction or for the connection")]
    Scope,
    /// Called by an index expression, a materialized view or the like.
    #[error("insforge.login() cannot be called within a security-restricted operation")]
    Restricted,
    /// The token fails a check.
    #[error("{name}: {0}", name = .0.name())]
    Token(#[from] TokenError),
    /// No enabled provider has this issuer.
    #[error("unknown_issuer: no enabled row of insforge.providers has the token's issuer")]
    UnknownIssuer,
    /// The row's profile cannot be used.
    #[error("bad_profile: the profile of provider \"{provider}\" cannot be used: {fault}")]
    BadProfile {
        /// Name of the provider.
        provider: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The row has no keys, or they are too old.
    #[error("keys_unavailable: there are no current keys for provider \"{0}\"")]
    NoKeys(String),
    /// In `insforge.revocations`.
    #[error("revoked: tokens of this user issued before a certain moment are revoked")]
    Revoked,
    /// The id would pass for another provider's.
    #[error("reserved_user_id: the user's id begins with another provider's prefix")]
    Reserved,
    /// Too large for a setting, or a value that cannot be written as JSON.
    #[error("the identity cannot be kept")]
    Unkept,
    /// Beyond ASCII, in a database that would spell it otherwise.
    #[error("the token's claims go beyond ASCII, and the encoding of this database is not UTF8")]
    Encoding,
    /// The query failed.
    #[error("insforge.providers cannot be read: {0}")]
    Query(#[from] pgrx::spi::SpiError),
}

impl Refusal {
    fn code(&self) -> PgSqlErrorCode {
        match self {
            Refusal::Null => PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            Refusal::Scope => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Refusal::Restricted => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Refusal::Encoding => PgSqlErrorCode::ERRCODE_UNTRANSLATABLE_CHARACTER,
            Refusal::Unkept | Refusal::Query(_) => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            _ => PgSqlErrorCode::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Refusal::Scope => "Write 'transaction' or 'connection'.",
            Refusal::UnknownIssuer => {
                "SELECT name, enabled, profile -> 'iss' FROM insforge.providers; the issuer is compared exactly, a slash at the end counts."
            }
            Refusal::BadProfile { .. } => "SELECT insforge.profile_fault(profile) FROM insforge.providers;",
            Refusal::NoKeys(_) => {
                "The sidecar writes them while it runs; by hand: SELECT insforge.set_provider(name, profile, jwks)."
            }
            Refusal::Token(TokenError::Expired) => "Get a new token from the provider.",
            Refusal::Token(TokenError::UnknownKid) => {
                "The provider may have rotated its keys; the sidecar fetches the new ones within minutes."
            }
            _ => return None,
        })
    }
}

impl From<Refusal> for ErrorReport {
    fn from(refusal: Refusal) -> ErrorReport {
        let report = ErrorReport::new(refusal.code(), refusal.to_string(), "insforge.login");
        match refusal.hint() {
            Some(hint) => report.set_hint(hint),
            None => report,
        }
    }
}
