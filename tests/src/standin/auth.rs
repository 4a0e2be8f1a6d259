use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use insforge_protocol::okx;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// OKX's usual tolerance for `OK-ACCESS-TIMESTAMP`.
const SKEW_SECONDS: i64 = 30;
/// `2026-03-30T12:00:00.000Z`
const TIMESTAMP_BYTES: usize = 24;

/// An API key of the stand-in.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `OK-ACCESS-KEY`.
    pub key: String,
    /// Signs requests.
    pub secret: String,
    /// `OK-ACCESS-PASSPHRASE`.
    pub passphrase: String,
}

impl Default for Credentials {
    fn default() -> Credentials {
        let [key, secret, passphrase] =
            ["standin-key", "standin-secret", "standin-passphrase"].map(str::to_owned);
        Credentials {
            key,
            secret,
            passphrase,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A refusal by OKX's gateway: code and text; HTTP status 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unauthorized(pub(super) &'static str, pub(super) &'static str);

/// What is signed: method, path with query, body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) body: &'a str,
}

/// Checks the four headers in the order in which OKX names what is wrong.
pub(super) fn check(
    known: &Credentials,
    headers: &HeaderMap,
    signed: Signed<'_>,
) -> Result<(), Unauthorized> {
    let read = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .filter(|v| !v.is_empty())
    };
    let key = read("OK-ACCESS-KEY").ok_or(Unauthorized(
        "50103",
        "Request header OK-ACCESS-KEY can not be empty",
    ))?;
    let passphrase = read("OK-ACCESS-PASSPHRASE").ok_or(Unauthorized(
        "50104",
        "Request header OK-ACCESS-PASSPHRASE can not be empty",
    ))?;
    let sign = read("OK-ACCESS-SIGN").ok_or(Unauthorized(
        "50106",
        "Request header OK-ACCESS-SIGN can not be empty",
    ))?;
    let timestamp = read("OK-ACCESS-TIMESTAMP").ok_or(Unauthorized(
        "50107",
        "Request header OK-ACCESS-TIMESTAMP can not be empty",
    ))?;
    if key != known.key {
        return Err(Unauthorized("50111", "Invalid OK-ACCESS-KEY"));
    }
    if !fresh(timestamp) {
        return Err(Unauthorized("50112", "Invalid OK-ACCESS-TIMESTAMP"));
    }
    if passphrase != known.passphrase {
        return Err(Unauthorized(
            "50105",
            "Request header OK-ACCESS-PASSPHRASE incorrect",
        ));
    }
    if sign != okx::sign(&known.secret, timestamp, signed.method, signed.path, signed.body) {
        return Err(Unauthorized("50113", "Invalid Sign"));
    }
    Ok(())
}

/// When the request says that it was signed.
pub(super) fn signed_at(headers: &HeaderMap) -> Option<SystemTime> {
    let stated = headers.get("OK-ACCESS-TIMESTAMP")?.to_str().ok()?;
    OffsetDateTime::parse(stated, &Rfc3339).ok().map(SystemTime::from)
}

fn fresh(timestamp: &str) -> bool {
    let form = timestamp.len() == TIMESTAMP_BYTES && timestamp.ends_with('Z');
    let Ok(stated) = OffsetDateTime::parse(timestamp, &Rfc3339) else {
        return false;
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    form && (stated.unix_timestamp() - now.cast_signed()).abs() <= SKEW_SECONDS
}
