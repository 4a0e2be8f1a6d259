//! Who may ask: whoever has the token; without one configured, programs on this machine.

use std::net::SocketAddr;

use http::HeaderMap;
use http::header::{AUTHORIZATION, FORWARDED};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Headers that a proxy leaves: the peer's address is then not the client's.
const PROXIED: [&str; 3] = ["x-forwarded-for", "x-real-ip", "via"];

/// Whether a request may be answered.
pub(super) fn is_allowed(token: Option<&Secret<String>>, headers: &HeaderMap, peer: SocketAddr) -> bool {
    match token {
        Some(token) => {
            bearer(headers).is_some_and(|given| bool::from(given.as_bytes().ct_eq(token.expose().as_bytes())))
        }
        None => {
            let proxied =
                headers.contains_key(FORWARDED) || PROXIED.iter().any(|name| headers.contains_key(*name));
            peer.ip().to_canonical().is_loopback() && !proxied
        }
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1); none if the header is there twice.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn without_a_token_only_this_machine_may_ask_and_no_proxy_on_it() {
        let here: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:127.0.0.1]:9".parse().unwrap();
        let away: SocketAddr = "10.0.0.1:9".parse().unwrap();
        assert!(is_allowed(None, &HeaderMap::new(), here));
        assert!(is_allowed(None, &HeaderMap::new(), mapped));
        assert!(!is_allowed(None, &HeaderMap::new(), away));
        for name in ["forwarded", "x-forwarded-for", "via"] {
            assert!(!is_allowed(None, &headers(&[(name, "1.2.3.4")]), here), "{name}");
        }
    }

    #[test]
    fn with_a_token_everybody_needs_it_and_nothing_else_will_do() {
        let here: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let token = Secret::new("s3cret".to_owned());
        let may = |pairs: &[(&'static str, &str)]| is_allowed(Some(&token), &headers(pairs), here);
        assert!(may(&[("authorization", "Bearer s3cret")]));
        assert!(may(&[("authorization", "bearer s3cret")]));
        assert!(!may(&[]));
        for wrong in [
            "Bearer s3cre",
            "Bearer s3crett",
            "Bearer",
            "Basic s3cret",
            "s3cret",
        ] {
            assert!(!may(&[("authorization", wrong)]), "{wrong}");
        }
        let twice = [
            ("authorization", "Bearer s3cret"),
            ("authorization", "Bearer other"),
        ];
        assert!(!may(&twice));
    }
}
