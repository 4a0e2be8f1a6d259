use insforge_protocol::jwt::{Identity, Lifetime, MintError, Profile, Secret, TokenError, mint, verify};
use serde_json::{Value, json};

use super::NOW;
use crate::jwt_support::issuer::decode;

const SECRET: &str = "kWb0v1zN4pQ8sT6yR2mX9cL3hJ7gF5dA";
const OTHER: &str = "Zq3mB8xV1kT5wY7nC2rD6fG9hJ4lP0sE";

fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}

fn ada() -> Identity {
    Identity {
        user_id: "auth0|64a7".into(),
        email: Some("ada@acme.example".into()),
        org_id: Some("org_1".into()),
        org_role: Some("project_admin".into()),
        permissions: vec!["todos:write".into()],
        session_id: Some("sess_1".into()),
        actor: Some("support".into()),
    }
}

fn lifetime(provider_exp: i64) -> Lifetime {
    Lifetime {
        ttl_s: 900,
        provider_exp,
        session_cap_s: None,
    }
}

fn parts(token: &str) -> (Value, Value) {
    let read = |part: &str| serde_json::from_slice(&decode(part)).unwrap();
    let mut parts = token.split('.');
    (read(parts.next().unwrap()), read(parts.next().unwrap()))
}

fn insforge(settings: Value) -> Profile {
    let mut profile = json!({"preset": "insforge"});
    super::merge(&mut profile, settings);
    super::profile(profile)
}

#[test]
fn a_minted_token_holds_exactly_the_promised_claims() {
    let minted = mint(&ada(), lifetime(NOW + 3600), NOW, &secret()).unwrap();
    let (header, payload) = parts(&minted.token);
    assert_eq!(header, json!({"alg": "HS256", "typ": "JWT"}));
    let promised = json!({
        "sub": "auth0|64a7", "email": "ada@acme.example", "role": "authenticated",
        "aud": "insforge-api", "iat": NOW, "exp": NOW + 900
    });
    assert_eq!(payload, promised);
    let anonymous = Identity { email: None, ..ada() };
    let (_, payload) = parts(
        &mint(&anonymous, lifetime(NOW + 3600), NOW, &secret())
            .unwrap()
            .token,
    );
    assert!(payload.get("email").is_none());
}

#[test]
fn a_minted_token_verifies_back_under_the_insforge_preset() {
    let minted = mint(&ada(), lifetime(NOW + 3600), NOW, &secret()).unwrap();
    let profile = insforge(json!({"secret": SECRET, "aud": "insforge-api"}));
    let verified = verify(&minted.token, &profile, NOW + 899).unwrap();
    assert_eq!(verified.identity.user_id, "auth0|64a7");
    assert_eq!(verified.identity.email.as_deref(), Some("ada@acme.example"));
    assert_eq!(
        (verified.identity.org_id, verified.identity.org_role),
        (None, None)
    );
    assert_eq!(verified.expires_at, minted.expires_at);
    assert_eq!(
        verify(&minted.token, &profile, NOW + 930).err(),
        Some(TokenError::Expired)
    );
}

#[test]
fn during_a_rotation_both_secrets_verify_and_afterwards_only_the_new_one() {
    let minted = mint(&ada(), lifetime(NOW + 3600), NOW, &secret()).unwrap();
    let judge = |settings: Value| verify(&minted.token, &insforge(settings), NOW).err();
    assert_eq!(judge(json!({"secret": OTHER, "previous_secret": SECRET})), None);
    assert_eq!(judge(json!({"secret": OTHER})), Some(TokenError::BadSignature));
}

#[test]
fn a_minted_token_never_outlives_its_limits() {
    let at = |ttl_s, provider_exp, session_cap_s| {
        Lifetime {
            ttl_s,
            provider_exp,
            session_cap_s,
        }
        .expires_at(NOW)
            - NOW
    };
    assert_eq!(at(900, NOW + 60, None), 60, "the provider's token ends first");
    assert_eq!(at(900, NOW + 3600, None), 900, "our ttl ends first");
    assert_eq!(
        at(900, NOW + 60, Some(300)),
        300,
        "a session cap replaces a short token life"
    );
    assert_eq!(at(900, NOW + 60, Some(86_400)), 900, "the ttl still holds");
    assert_eq!(at(u32::MAX, i64::MAX, None), i64::from(u32::MAX));
}

#[test]
fn a_token_that_passed_only_by_the_leeway_leaves_nothing_to_mint() {
    for exp in [NOW, NOW - 20] {
        assert_eq!(
            mint(&ada(), lifetime(exp), NOW, &secret()),
            Err(MintError::NoTimeLeft)
        );
    }
    let no_ttl = Lifetime {
        ttl_s: 0,
        provider_exp: NOW + 60,
        session_cap_s: None,
    };
    assert_eq!(mint(&ada(), no_ttl, NOW, &secret()), Err(MintError::NoTimeLeft));
}

#[test]
fn a_user_id_that_the_database_would_not_take_is_not_minted() {
    for user_id in ["", " ", "a\0b", &"x".repeat(1025)] {
        let nobody = Identity {
            user_id: user_id.into(),
            ..ada()
        };
        assert_eq!(
            mint(&nobody, lifetime(NOW + 60), NOW, &secret()),
            Err(MintError::BadSubject),
            "{user_id:?}"
        );
    }
}

#[test]
fn the_longest_minted_token_fits_into_a_header() {
    let long = Identity {
        user_id: "\u{1}".repeat(1024),
        email: Some("\u{1}".repeat(320)),
        ..ada()
    };
    let minted = mint(&long, lifetime(NOW + 60), NOW, &secret()).unwrap();
    assert!(
        minted.token.len() < insforge_protocol::jwt::MAX_TOKEN_BYTES,
        "{}",
        minted.token.len()
    );
    assert!(verify(&minted.token, &insforge(json!({"secret": SECRET})), NOW).is_ok());
}

#[test]
fn a_minted_token_is_not_shown_by_debug() {
    let minted = mint(&ada(), lifetime(NOW + 60), NOW, &secret()).unwrap();
    let shown = format!("{minted:?}");
    assert!(!shown.contains(&minted.token[..20]), "{shown}");
}
