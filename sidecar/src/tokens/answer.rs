//! Answers in the form of RFC 8693 §2.2 and RFC 6749 §5.2.

use http::StatusCode;
use insforge_protocol::jwt::Minted;
use serde_json::{Value, json};

use super::refused::Refused;
use super::request::BadRequest;

/// The type of what is issued (RFC 8693 §3).
pub(super) const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";

/// A token that was issued.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The token.
    pub minted: Minted,
    /// Seconds it has to live.
    pub expires_in: i64,
}

impl Granted {
    /// The body of the answer.
    pub fn body(&self) -> Value {
        json!({
            "access_token": self.minted.token,
            "issued_token_type": JWT_TYPE,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        })
    }
}

/// Status and body for a token that is not exchanged. `reason` is ours: OAuth's codes are few.
pub(super) fn refused(refused: &Refused) -> (StatusCode, Value) {
    let (status, error) = match refused {
        Refused::AddressLimited(_) | Refused::SubjectLimited(_) => {
            (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable")
        }
        Refused::KeysUnavailable | Refused::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
        }
        Refused::Signing => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        // RFC 8693 §2.2.2: an invalid or unacceptable subject token.
        _ => (StatusCode::BAD_REQUEST, "invalid_request"),
    };
    (status, body(error, &refused.to_string(), refused.name()))
}

/// Status and body for a request that holds no token to judge.
pub(super) fn bad_request(bad: BadRequest) -> (StatusCode, Value) {
    (bad.status(), body(bad.error(), &bad.to_string(), bad.name()))
}

fn body(error: &str, description: &str, reason: &str) -> Value {
    json!({ "error": error, "error_description": description, "reason": reason })
}
