//! Which headers go on, in both directions (RFC 9110 §7.6.1), and which never do: payments are bearer
//! instruments and none of an upstream's business, and nobody but us says that one was made.

use std::net::IpAddr;

use http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, EXPECT, HOST,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::payment::{PAYMENT_SIGNATURE, X_PAYMENT};

/// v2's challenge.
pub(super) const PAYMENT_REQUIRED: HeaderName = HeaderName::from_static("payment-required");
/// The result, in every version.
pub(super) const PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("payment-response");
/// The result as v1 clients know it.
pub(super) const X_PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("x-payment-response");

/// What the upstream is told of the payment. Set by us alone.
const X402_PAYER: HeaderName = HeaderName::from_static("x402-payer");
const X402_PAYMENT_ID: HeaderName = HeaderName::from_static("x402-payment-id");
const X402_TRANSACTION: HeaderName = HeaderName::from_static("x402-transaction");

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Headers with which a client could make an upstream serve another method or path than the one paid for,
/// or believe that it was paid.
const MISLEADING: [HeaderName; 10] = [
    PAYMENT_SIGNATURE,
    X_PAYMENT,
    X402_PAYER,
    X402_PAYMENT_ID,
    X402_TRANSACTION,
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// Headers of an upstream's answer that only we may set, and the one by which a handler speaks to an x402
/// middleware.
const OURS: [HeaderName; 4] = [
    PAYMENT_REQUIRED,
    PAYMENT_RESPONSE,
    X_PAYMENT_RESPONSE,
    HeaderName::from_static("settlement-overrides"),
];

/// Who paid, for the upstream.
pub(super) struct Paid<'a> {
    /// The payer's address.
    pub(super) payer: &'a str,
    /// The ledger's id.
    pub(super) id: String,
    /// The transaction, once there is one.
    pub(super) transaction: Option<&'a str>,
}

/// The headers of a request on its way to the upstream.
pub(super) fn to_upstream(client: &HeaderMap, peer: IpAddr, paid: Option<&Paid<'_>>) -> HeaderMap {
    let mut headers = end_to_end(client);
    for name in &MISLEADING {
        headers.remove(name);
    }
    // The length is counted anew from the body that goes on; two opinions on it are how requests are smuggled.
    headers.remove(CONTENT_LENGTH);
    if let Some(host) = headers.remove(HOST) {
        headers.insert(X_FORWARDED_HOST, host);
    }
    forwarded_for(&mut headers, peer);
    if let Some(paid) = paid {
        let id = Some(paid.id.as_str());
        for (name, value) in [
            (X402_PAYER, Some(paid.payer)),
            (X402_PAYMENT_ID, id),
            (X402_TRANSACTION, paid.transaction),
        ] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
    }
    headers
}

/// The headers of an upstream's answer on its way to the client.
pub(super) fn to_client(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = end_to_end(upstream);
    for name in &OURS {
        headers.remove(name);
    }
    headers
}

/// Marks an answer that was sold, or asks for a payment: no cache may give it to somebody else, and
/// browsers may read the payment's headers.
pub(super) fn mark_sold(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE"),
    );
}

/// Without the headers that are for the next hop only, those named in `Connection` among them.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        kept.remove(name);
    }
    kept
}

fn forwarded_for(headers: &mut HeaderMap, peer: IpAddr) {
    let before: Vec<_> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    let all = before
        .into_iter()
        .chain([peer.to_canonical().to_string()])
        .collect::<Vec<_>>()
        .join(", ");
    if let Ok(value) = HeaderValue::from_str(&all) {
        headers.insert(X_FORWARDED_FOR, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn forwarded(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        to_upstream(&headers(pairs), PEER, None)
    }

    #[test]
    fn hop_by_hop_headers_and_those_named_in_connection_stay_here() {
        let sent = forwarded(&[
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("keep-alive", "timeout=5"),
            ("expect", "100-continue"),
            ("accept", "text/plain"),
        ]);
        let mut left: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-forwarded-for"]);
    }

    #[test]
    fn a_client_cannot_tell_the_upstream_that_it_paid_or_meant_another_request() {
        let sent = forwarded(&[
            ("payment-signature", "abc"),
            ("x-payment", "abc"),
            ("x402-payer", "0xme"),
            ("x402-payment-id", "1"),
            ("x402-transaction", "0x"),
            ("x-http-method-override", "DELETE"),
            ("x-original-url", "/admin"),
            ("x-rewrite-url", "/admin"),
        ]);
        assert_eq!(
            sent.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-forwarded-for"]
        );
        let paid = Paid {
            payer: "0xf3",
            id: "7".into(),
            transaction: Some("0xab"),
        };
        let sent = to_upstream(&headers(&[("x402-payer", "0xme")]), PEER, Some(&paid));
        assert_eq!(
            (&sent["x402-payer"], &sent["x402-transaction"]),
            (&"0xf3".parse().unwrap(), &"0xab".parse().unwrap())
        );
    }

    #[test]
    fn the_client_and_its_host_are_named_to_the_upstream() {
        let sent = forwarded(&[("host", "api.example.com"), ("x-forwarded-for", "1.2.3.4")]);
        assert_eq!(sent["x-forwarded-host"], "api.example.com");
        assert_eq!(sent["x-forwarded-for"], "1.2.3.4, 10.0.0.7");
        assert!(!sent.contains_key("host"));
    }

    #[test]
    fn an_upstream_cannot_speak_of_payments() {
        let answered = to_client(&headers(&[
            ("payment-response", "forged"),
            ("x-payment-response", "forged"),
            ("payment-required", "forged"),
            ("settlement-overrides", "{\"amount\":\"1\"}"),
            ("connection", "keep-alive"),
            ("content-length", "3"),
            ("etag", "x"),
        ]));
        let mut left: Vec<_> = answered.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "etag"]);
    }

    #[test]
    fn a_sold_answer_is_not_cached_and_keeps_what_the_upstream_exposes() {
        let mut answered = headers(&[
            ("cache-control", "public"),
            ("access-control-expose-headers", "x-own"),
        ]);
        mark_sold(&mut answered);
        assert_eq!(answered["cache-control"], "no-store");
        let exposed: Vec<_> = answered.get_all(ACCESS_CONTROL_EXPOSE_HEADERS).iter().collect();
        assert_eq!(exposed.len(), 2);
    }
}
