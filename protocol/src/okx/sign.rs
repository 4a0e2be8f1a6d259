//! Request signing (OKX Web3 API, "REST authentication").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::OffsetDateTime;

/// Text that is signed: timestamp, upper-case method, path with query, and the very body sent (empty for GET).
pub fn prehash(timestamp: &str, method: &str, path: &str, body: &str) -> String {
    format!("{timestamp}{}{path}{body}", method.to_ascii_uppercase())
}

/// Value of `OK-ACCESS-SIGN`: standard base64 of HMAC-SHA256 over [`prehash`], keyed with `secret` as UTF-8.
/// Serialise a body once, sign that text and send it: another serialisation may order members otherwise.
pub fn sign(secret: &str, timestamp: &str, method: &str, path: &str, body: &str) -> String {
    // HMAC takes keys of any length (RFC 2104 §3), so the fallback is never reached; its signature would be
    // refused.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(prehash(timestamp, method, path, body).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Value of `OK-ACCESS-TIMESTAMP`: UTC, ISO 8601 with milliseconds and `Z`, as in `2026-03-30T12:00:00.000Z`.
/// Times after the year 9999 give the epoch, which OKX refuses.
pub fn timestamp(unix_millis: u64) -> String {
    let nanos = i128::from(unix_millis) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second) = at.to_hms();
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        at.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn timestamps_carry_milliseconds_and_z() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(1_774_872_000_000), "2026-03-30T12:00:00.000Z");
        assert_eq!(timestamp(1_709_251_199_007), "2024-02-29T23:59:59.007Z");
        assert_eq!(timestamp(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_clock_out_of_bounds_gives_a_timestamp_that_is_refused_not_a_crash() {
        assert_eq!(timestamp(u64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
