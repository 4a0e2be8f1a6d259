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
const MISLEADING: [HeaderName; 14] = [
    PAYMENT_SIGNATURE,
    X_PAYMENT,
    X402_PAYER,
    X402_PAYMENT_ID,
    X402_TRANSACTION,
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-forwarded-uri"),
    HeaderName::from_static("x-forwarded-method"),
    X_FORWARDED_HOST,
];

/// Caches that obey a header of their own before `Cache-Control` (RFC 9213, and what came before it).
const CACHES: [HeaderName; 6] = [
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("cloudflare-cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("x-accel-expires"),
    HeaderName::from_static("expires"),
    HeaderName::from_static("pragma"),
];

/// The rest of what we say, or pass on in one form only.
const FORWARDED: [HeaderName; 3] = [X_FORWARDED_FOR, CONTENT_LENGTH, HOST];

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
    for name in look_alikes(&headers) {
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
    // Chunks were what counted; the length beside them is somebody's guess.
    if upstream.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    headers
}

/// Marks an answer that was sold, or asks for a payment: no cache may give it to somebody else, and
/// browsers may read the payment's headers.
pub(super) fn mark_sold(headers: &mut HeaderMap) {
    for name in &CACHES {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE"),
    );
}

/// Names that a gateway interface cannot tell from one of those above: CGI, WSGI and PHP turn `-` and `_`
/// into the same letter, and `X402_Payer` would be `x402-payer` to them.
fn look_alikes(headers: &HeaderMap) -> Vec<HeaderName> {
    let is_guarded = |plain: &str| {
        let lists: [&[HeaderName]; 3] = [&HOP_BY_HOP, &MISLEADING, &FORWARDED];
        lists.into_iter().flatten().any(|guarded| guarded == plain)
    };
    let underscored = headers.keys().filter(|name| name.as_str().contains('_'));
    underscored
        .filter(|name| is_guarded(&name.as_str().replace('_', "-")))
        .cloned()
        .collect()
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
    fn a_client_cannot_say_it_in_letters_that_some_servers_read_alike() {
        let sent = forwarded(&[
            ("x402_payer", "0xme"),
            ("x402-payment_id", "1"),
            ("payment_signature", "abc"),
            ("x_http_method_override", "DELETE"),
            ("x_forwarded_for", "127.0.0.1"),
            ("x_forwarded_host", "evil"),
            ("transfer_encoding", "chunked"),
            ("content_length", "5"),
            ("my_own", "stays"),
        ]);
        let mut left: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["my_own", "x-forwarded-for"]);
        assert_eq!(sent["x-forwarded-for"], "10.0.0.7");
    }

    #[test]
    fn what_connection_names_cannot_take_away_what_we_say() {
        let client = headers(&[
            (
                "connection",
                "x402-payer, x-forwarded-for, x-forwarded-host, host",
            ),
            ("host", "api.example.com"),
            ("x-forwarded-host", "evil"),
        ]);
        let paid = Paid {
            payer: "0xf3",
            id: "7".into(),
            transaction: None,
        };
        let sent = to_upstream(&client, PEER, Some(&paid));
        assert_eq!(
            (&sent["x402-payer"], &sent["x-forwarded-for"]),
            (&"0xf3".parse().unwrap(), &"10.0.0.7".parse().unwrap())
        );
        assert!(!sent.contains_key("x-forwarded-host"));
    }

    #[test]
    fn a_length_beside_chunks_is_not_told_to_the_client() {
        let answered = to_client(&headers(&[
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
        ]));
        assert!(answered.is_empty(), "{answered:?}");
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
            ("cdn-cache-control", "max-age=600"),
            ("surrogate-control", "max-age=600"),
            ("expires", "Thu, 01 Jan 2099 00:00:00 GMT"),
            ("access-control-expose-headers", "x-own"),
        ]);
        mark_sold(&mut answered);
        assert_eq!(answered["cache-control"], "no-store");
        assert_eq!(
            answered.keys().count(),
            2,
            "no cache has a rule of its own: {answered:?}"
        );
        let exposed: Vec<_> = answered.get_all(ACCESS_CONTROL_EXPOSE_HEADERS).iter().collect();
        assert_eq!(exposed.len(), 2);
    }
}
