use insforge_protocol::jwt::{KeySet, KeySetError, MAX_JWKS_BYTES, MAX_KEYS, SkipReason};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::jwt_support::issuer::{Issuer, encode};

fn skip_reason(jwk: Value) -> SkipReason {
    let set = KeySet::from_json(&json!({"keys": [jwk]})).unwrap();
    assert!(set.is_empty(), "the key is used: {:?}", set.keys());
    set.skipped()[0].reason
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

#[test]
fn a_document_that_is_no_key_set_is_refused_whole() {
    for document in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        assert_eq!(
            KeySet::parse(document.as_bytes()).err(),
            Some(KeySetError::Malformed),
            "{document}"
        );
    }
    assert_eq!(KeySet::parse(b"\xff\xfe").err(), Some(KeySetError::Malformed));
}

#[test]
fn a_huge_key_set_is_refused_before_it_is_parsed() {
    let padding = " ".repeat(MAX_JWKS_BYTES - 11);
    assert!(KeySet::parse(format!("{{\"keys\":[]{padding}}}").as_bytes()).is_ok());
    assert_eq!(
        KeySet::parse(format!("{{\"keys\":[]{padding} }}").as_bytes()).err(),
        Some(KeySetError::TooLarge)
    );
    let many = json!({"keys": vec![json!({}); MAX_KEYS + 1]}).to_string();
    assert_eq!(
        KeySet::parse(many.as_bytes()).err(),
        Some(KeySetError::TooManyKeys)
    );
}

#[test]
fn an_empty_key_set_says_that_it_is_empty() {
    let set = KeySet::parse(br#"{"keys":[]}"#).unwrap();
    assert!(set.is_empty() && set.skipped().is_empty());
}

#[test]
fn entries_of_no_use_are_skipped_with_a_reason_and_the_rest_still_counts() {
    let good = Issuer::p256("good");
    let document = json!({"keys": [5, {"kid": "oct", "kty": "oct", "k": "c2VjcmV0"}, good.jwk()]});
    let set = KeySet::parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(set.keys().len(), 1);
    assert_eq!(set.keys()[0].kid(), Some("good"));
    let skipped: Vec<_> = set
        .skipped()
        .iter()
        .map(|s| (s.index, s.kid.as_deref(), s.reason))
        .collect();
    assert_eq!(
        skipped,
        [
            (0, None, SkipReason::NotAJwk),
            (1, Some("oct"), SkipReason::Symmetric)
        ]
    );
}

#[test]
fn private_and_symmetric_keys_are_never_taken_from_a_public_set() {
    let rsa = Issuer::rsa("k").jwk();
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        assert_eq!(
            skip_reason(with(rsa.clone(), member, json!("AQAB"))),
            SkipReason::PrivateKey,
            "{member}"
        );
    }
    assert_eq!(
        skip_reason(with(Issuer::ed25519("k").jwk(), "d", json!(null))),
        SkipReason::PrivateKey
    );
    assert_eq!(skip_reason(with(rsa, "k", json!("AQAB"))), SkipReason::Symmetric);
}

#[test]
fn keys_for_other_purposes_are_skipped() {
    let jwk = Issuer::p256("k").jwk();
    for (name, value, reason) in [
        ("use", json!("enc"), SkipReason::NotForVerifying),
        ("use", json!(1), SkipReason::NotForVerifying),
        ("key_ops", json!(["sign"]), SkipReason::NotForVerifying),
        ("key_ops", json!("verify"), SkipReason::NotForVerifying),
        ("kty", json!("AKP"), SkipReason::UnknownKeyType),
        ("kty", json!(null), SkipReason::UnknownKeyType),
        ("crv", json!("secp256k1"), SkipReason::UnknownCurve),
        ("crv", json!("P-384"), SkipReason::UnknownCurve),
        ("kid", json!(7), SkipReason::NotAJwk),
        ("alg", json!(["ES256"]), SkipReason::NotAJwk),
    ] {
        assert_eq!(
            skip_reason(with(jwk.clone(), name, value.clone())),
            reason,
            "{name}={value}"
        );
    }
    let usable = with(
        with(jwk, "use", json!("sig")),
        "key_ops",
        json!(["sign", "verify"]),
    );
    assert_eq!(
        KeySet::from_json(&json!({"keys": [usable]}))
            .unwrap()
            .keys()
            .len(),
        1
    );
}

#[test]
fn key_material_of_the_wrong_shape_is_skipped() {
    let (rsa, ec, ed) = (
        Issuer::rsa("k").jwk(),
        Issuer::p256("k").jwk(),
        Issuer::ed25519("k").jwk(),
    );
    let bad = [
        with(rsa.clone(), "n", json!("")),
        with(rsa.clone(), "n", json!("AAAA")),
        with(rsa.clone(), "n", json!(encode(&[0xff; 1025]))),
        with(
            rsa.clone(),
            "n",
            json!(format!("{}=", rsa["n"].as_str().unwrap())),
        ),
        with(rsa.clone(), "e", json!(65537)),
        with(rsa, "e", json!(encode(&[0xff; 5]))),
        with(ec.clone(), "x", json!(encode(&[1; 31]))),
        with(ec.clone(), "y", json!(encode(&[1; 33]))),
        with(ed, "x", json!(encode(&[1; 33]))),
    ];
    for jwk in bad {
        assert_eq!(skip_reason(jwk), SkipReason::BadMaterial);
    }
    assert_eq!(
        skip_reason(with(ec, "y", json!(encode(&[1; 32])))),
        SkipReason::NotOnCurve
    );
}

#[test]
fn a_stored_key_set_holds_only_what_verification_needs() {
    let rsa = with(
        with(Issuer::rsa("k").jwk(), "x5c", json!(["MII"])),
        "alg",
        json!("RS256"),
    );
    let document = json!({"keys": [rsa, {"kty": "oct", "k": "c2VjcmV0"}, Issuer::p256("e").jwk(), Issuer::ed25519("d").jwk()]});
    let stored = KeySet::from_json(&document).unwrap().to_json();
    let text = stored.to_string();
    assert!(!text.contains("c2VjcmV0") && !text.contains("x5c"), "{text}");
    let again = KeySet::from_json(&stored).unwrap();
    assert_eq!((again.keys().len(), again.skipped().len()), (3, 0));
    assert_eq!(again.to_json(), stored);
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("RSA".to_owned()),
        Just("EC".to_owned()),
        Just("OKP".to_owned()),
        Just("P-256".to_owned()),
        Just("Ed25519".to_owned()),
        Just("AQAB".to_owned()),
        proptest::collection::vec(any::<u8>(), 0..70).prop_map(|bytes| encode(&bytes)),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    let names = proptest::sample::select(vec![
        "kty", "crv", "n", "e", "x", "y", "use", "key_ops", "kid", "alg", "d",
    ]);
    leaf.prop_recursive(3, 64, 12, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(names.clone(), inner, 0..11).prop_map(|members| members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_key_set_whatever_makes_the_parser_panic(keys in proptest::collection::vec(any_json(), 0..6)) {
        let entries = keys.len();
        let set = KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap();
        prop_assert_eq!(set.keys().len() + set.skipped().len(), entries);
    }

    #[test]
    fn no_bytes_whatever_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(KeySet::parse(&bytes).is_err());
    }
}
