//! The payment in a request's headers.

use http::{HeaderMap, HeaderName};
use insforge_protocol::x402::header::{self, HeaderError};
use serde_json::Value;

/// v2's header, which InsForge's client uses for v1 messages as well.
pub(super) const PAYMENT_SIGNATURE: HeaderName = HeaderName::from_static("payment-signature");
/// v1's header.
pub(super) const X_PAYMENT: HeaderName = HeaderName::from_static("x-payment");

/// A payment as it came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sent {
    /// The message.
    pub(super) message: Value,
    /// Whether it came in v1's header, whose sender reads v1's answer header.
    pub(super) in_v1_header: bool,
}

/// Why the headers hold no payment that could be looked at. Answered 400; nothing is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Two headers, two payments: programs on the way may have seen the other one.
    #[error("the request holds two different payments; send one")]
    Two,
    /// The value is not text.
    #[error("the payment header is not ASCII text; send base64 of the payment's JSON")]
    NotText,
    /// The value cannot be decoded.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Reads the payment. The same payment in both headers, or twice in one, is one payment.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Sent>, Unreadable> {
    let v2 = one(headers, &PAYMENT_SIGNATURE)?;
    let v1 = one(headers, &X_PAYMENT)?;
    let (value, in_v1_header) = match (v2, v1) {
        (None, None) => return Ok(None),
        (Some(a), Some(b)) if a != b => return Err(Unreadable::Two),
        (Some(value), v1) => (value, v1.is_some()),
        (None, Some(value)) => (value, true),
    };
    Ok(Some(Sent {
        message: header::decode(value)?,
        in_v1_header,
    }))
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unreadable> {
    let mut found = None;
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| Unreadable::NotText)?.trim();
        if found.is_some_and(|first| first != text) {
            return Err(Unreadable::Two);
        }
        found = Some(text);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_payment_is_read_from_either_header() {
        let (one, value) = (json!({ "a": 1 }), header::encode(&json!({ "a": 1 })));
        for (name, in_v1_header) in [(PAYMENT_SIGNATURE, false), (X_PAYMENT, true)] {
            let sent = read(&headers(&[(name, &value)])).unwrap().unwrap();
            assert_eq!((sent.message, sent.in_v1_header), (one.clone(), in_v1_header));
        }
        assert_eq!(read(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn two_differing_payments_are_refused_wherever_they_stand() {
        let (a, b) = (
            header::encode(&json!({ "a": 1 })),
            header::encode(&json!({ "a": 2 })),
        );
        for pairs in [
            [(PAYMENT_SIGNATURE, &*a), (X_PAYMENT, &*b)],
            [(PAYMENT_SIGNATURE, &*a), (PAYMENT_SIGNATURE, &*b)],
            [(X_PAYMENT, &*a), (X_PAYMENT, &*b)],
            [(X_PAYMENT, &*a), (X_PAYMENT, "")],
        ] {
            assert_eq!(read(&headers(&pairs)), Err(Unreadable::Two));
        }
        assert!(
            read(&headers(&[(PAYMENT_SIGNATURE, &a), (X_PAYMENT, &a)]))
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn what_cannot_be_decoded_is_an_error_and_not_an_absent_payment() {
        for value in ["", "   ", "!!", "{}", "e30=e30="] {
            assert!(read(&headers(&[(X_PAYMENT, value)])).is_err(), "{value:?}");
        }
        let mut latin = HeaderMap::new();
        latin.insert(X_PAYMENT, http::HeaderValue::from_bytes(b"\xe9").unwrap());
        assert_eq!(read(&latin), Err(Unreadable::NotText));
    }
}
