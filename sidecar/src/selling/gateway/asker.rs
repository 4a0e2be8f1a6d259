//! Who asked for an answer that is kept. A payment is no secret for long: its signature stands on the chain
//! once it is settled, and whoever reads it there can send it again. What the upstream answered to somebody's
//! credentials is for nobody else.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::body::hex;

/// The name under which a kept answer says whose it is; no header can have it.
pub(super) const ASKER: &str = ":asker";

/// What tells this asker from others: its credentials, and the identifier that it gave its payment (x402's
/// extension `payment-identifier`), which does not go to the chain. `None` where it has neither.
pub(super) fn of(headers: &HeaderMap, payment: &Value) -> Option<String> {
    let mut digest = Sha256::new();
    let mut known = false;
    let mut add = |kind: &str, value: &[u8]| {
        known = true;
        // Each with its length: no two lists of values give the same bytes.
        digest.update(format!("{kind} {} ", value.len()));
        digest.update(value);
    };
    for name in [AUTHORIZATION, COOKIE] {
        for value in headers.get_all(&name) {
            add(name.as_str(), value.as_bytes());
        }
    }
    let identifier = payment.pointer("/extensions/payment-identifier/info/id");
    if let Some(id) = identifier.and_then(Value::as_str) {
        add("identifier", id.as_bytes());
    }
    known.then(|| hex(&digest.finalize()))
}

/// Whether a kept answer may be given to this asker.
pub(super) fn may_have(kept: &[(String, String)], asker: Option<&str>) -> bool {
    let whose = kept.iter().find(|(name, _)| name == ASKER);
    whose.is_none_or(|(_, whose)| Some(whose.as_str()) == asker)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asker(pairs: &[(&'static str, &'static str)], payment: &Value) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        of(&headers, payment)
    }

    #[test]
    fn askers_with_other_credentials_are_others() {
        let plain = json!({});
        let named =
            json!({ "extensions": { "payment-identifier": { "info": { "id": "pay_0123456789abcdef" } } } });
        let askers = [
            asker(&[("authorization", "Bearer a")], &plain),
            asker(&[("authorization", "Bearer b")], &plain),
            asker(&[("cookie", "Bearer a")], &plain),
            asker(&[("authorization", "Bearer a"), ("cookie", "b")], &plain),
            asker(&[], &named),
            asker(&[], &plain),
        ];
        for (index, one) in askers.iter().enumerate() {
            assert!(!askers[..index].contains(one), "{index}");
        }
        assert_eq!(
            askers[0],
            asker(&[("authorization", "Bearer a"), ("accept", "x")], &plain)
        );
        assert_eq!(askers[5], None);
    }

    #[test]
    fn an_answer_to_nobody_in_particular_is_for_whoever_shows_the_payment() {
        assert!(may_have(&[("etag".into(), "x".into())], None));
        assert!(may_have(&[], Some("a")));
        let kept = [(ASKER.to_owned(), "a".to_owned())];
        assert!(may_have(&kept, Some("a")));
        assert!(!may_have(&kept, Some("b")) && !may_have(&kept, None));
    }
}
