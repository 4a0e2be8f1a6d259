use insforge_protocol::jwt::{Keys, TokenError, verify, verify_with_keys};
use serde_json::{Value, json};

use super::{NOW, claims, generic};
use crate::jwt_support::issuer::{Issuer, decode, encode, encode_json};

/// Judges a good token of `issuer` against a key set of the test's own.
fn judge(issuer: &Issuer, header: &Value, keys: Value) -> Option<TokenError> {
    let token = issuer.token_with(header, &claims(json!({})));
    verify(&token, &generic(issuer, json!({"jwks": {"keys": keys}})), NOW).err()
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

#[test]
fn every_family_of_keys_verifies_its_own_algorithm() {
    for (issuer, alg) in [
        (Issuer::rsa("k"), "RS256"),
        (Issuer::rsa("k"), "PS256"),
        (Issuer::p256("k"), "ES256"),
        (Issuer::ed25519("k"), "EdDSA"),
    ] {
        assert_eq!(
            judge(&issuer, &json!({"alg": alg, "kid": "k"}), json!([issuer.jwk()])),
            None,
            "{alg}"
        );
    }
}

#[test]
fn a_key_of_another_family_or_algorithm_under_the_right_kid_is_a_mismatch() {
    let (rsa, ec) = (Issuer::rsa("k"), Issuer::p256("k"));
    let header = json!({"alg": "RS256", "kid": "k"});
    assert_eq!(
        judge(&rsa, &header, json!([ec.jwk()])),
        Some(TokenError::KeyAlgMismatch)
    );
    for alg in ["PS256", "RS512", "RSA-OAEP", ""] {
        let jwk = with(rsa.jwk(), "alg", json!(alg));
        assert_eq!(
            judge(&rsa, &header, json!([jwk])),
            Some(TokenError::KeyAlgMismatch),
            "{alg}"
        );
    }
}

#[test]
fn two_kinds_of_keys_may_share_a_kid() {
    let (rsa, ec) = (Issuer::rsa("k"), Issuer::p256("k"));
    let keys = json!([ec.jwk(), rsa.jwk()]);
    assert_eq!(
        judge(&rsa, &json!({"alg": "RS256", "kid": "k"}), keys.clone()),
        None
    );
    assert_eq!(judge(&ec, &json!({"alg": "ES256", "kid": "k"}), keys), None);
}

#[test]
fn two_different_keys_that_both_fit_are_an_ambiguity_and_neither_is_used() {
    let (one, two) = (Issuer::p256("k"), Issuer::p256("k"));
    let header = json!({"alg": "ES256", "kid": "k"});
    for keys in [json!([one.jwk(), two.jwk()]), json!([two.jwk(), one.jwk()])] {
        assert_eq!(judge(&one, &header, keys), Some(TokenError::UnknownKid));
    }
    assert_eq!(
        judge(&one, &header, json!([one.jwk(), one.jwk()])),
        None,
        "the same key twice is one key"
    );
}

#[test]
fn a_token_without_kid_needs_exactly_one_fitting_key() {
    let (one, two, rsa) = (Issuer::p256("a"), Issuer::p256("b"), Issuer::rsa("c"));
    let header = json!({"alg": "ES256"});
    assert_eq!(judge(&one, &header, json!([one.jwk(), rsa.jwk()])), None);
    assert_eq!(
        judge(&one, &header, json!([one.jwk(), two.jwk()])),
        Some(TokenError::UnknownKid)
    );
    assert_eq!(
        judge(&one, &header, json!([rsa.jwk()])),
        Some(TokenError::UnknownKid)
    );
    assert_eq!(judge(&one, &header, json!([])), Some(TokenError::UnknownKid));
}

#[test]
fn a_kid_is_compared_exactly() {
    let issuer = Issuer::ed25519("Key-1");
    for kid in ["key-1", "Key-1 ", "Key-", "", "*"] {
        let header = json!({"alg": "EdDSA", "kid": kid});
        assert_eq!(
            judge(&issuer, &header, json!([issuer.jwk()])),
            Some(TokenError::UnknownKid),
            "{kid:?}"
        );
    }
}

#[test]
fn weak_keys_are_named_as_such_before_any_signature_counts() {
    let issuer = Issuer::rsa("k");
    let header = json!({"alg": "RS256", "kid": "k"});
    let n = decode(issuer.jwk()["n"].as_str().unwrap());
    let short = [&n[..127], &[n[127] | 1]].concat();
    let just_short = [&[0x7f], &n[1..]].concat();
    let even = [&n[..255], &[n[255] & 0xfe]].concat();
    for (member, value) in [
        ("n", encode(&short)),
        ("n", encode(&just_short)),
        ("n", encode(&even)),
        ("e", encode(&[1])),
        ("e", encode(&[2])),
        ("e", encode(&[1, 0, 0])),
    ] {
        let jwk = with(issuer.jwk(), member, json!(value));
        assert_eq!(
            judge(&issuer, &header, json!([jwk])),
            Some(TokenError::WeakKey),
            "{member}"
        );
    }
}

#[test]
fn a_signature_under_a_small_order_key_proves_nothing() {
    // With the identity as key, R = S·B verifies for any message: here S = 0 and R the identity.
    let mut identity = [0; 32];
    identity[0] = 1;
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": encode(&identity)});
    let forged = [identity, [0; 32]].concat();
    let input = format!(
        "{}.{}",
        encode_json(&json!({"alg": "EdDSA", "kid": "k"})),
        encode_json(&claims(json!({})))
    );
    let profile = generic(&Issuer::ed25519("k"), json!({"jwks": {"keys": [jwk]}}));
    let token = format!("{input}.{}", encode(&forged));
    assert_eq!(verify(&token, &profile, NOW).err(), Some(TokenError::WeakKey));
}

#[test]
fn a_leading_zero_in_a_modulus_does_not_change_the_key() {
    let issuer = Issuer::rsa("k");
    let n = decode(issuer.jwk()["n"].as_str().unwrap());
    let jwk = with(issuer.jwk(), "n", json!(encode(&[&[0][..], &n].concat())));
    assert_eq!(
        judge(&issuer, &json!({"alg": "RS256", "kid": "k"}), json!([jwk])),
        None
    );
}

#[test]
fn a_public_key_never_serves_as_a_shared_secret() {
    let issuer = Issuer::rsa("k");
    let profile =
        super::profile(json!({"preset": "insforge", "algs": ["HS256", "RS256"], "jwks": issuer.jwks()}));
    let header = json!({"alg": "HS256", "kid": "k"});
    let input = format!("{}.{}", encode_json(&header), encode_json(&claims(json!({}))));
    let n = decode(issuer.jwk()["n"].as_str().unwrap());
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &n);
    let mac = aws_lc_rs::hmac::sign(&key, input.as_bytes());
    let token = format!("{input}.{}", encode(mac.as_ref()));
    assert_eq!(verify(&token, &profile, NOW).err(), Some(TokenError::UnknownKid));
}

#[test]
fn a_key_gone_from_the_set_stops_verifying_at_once() {
    let (old, new) = (Issuer::p256("old"), Issuer::p256("new"));
    let profile = generic(&old, json!({}));
    let text = old.token(&claims(json!({})));
    let token = insforge_protocol::jwt::Token::parse(&text).unwrap();
    let with_set = |set: Value| {
        let keys = Keys::from_set(insforge_protocol::jwt::KeySet::from_json(&set).unwrap());
        verify_with_keys(&token, &profile, &keys, NOW).err()
    };
    assert_eq!(with_set(json!({"keys": [old.jwk(), new.jwk()]})), None);
    assert_eq!(with_set(new.jwks()), Some(TokenError::UnknownKid));
}
