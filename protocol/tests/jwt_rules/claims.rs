use insforge_protocol::jwt::{TokenError, verify};
use serde_json::{Value, json};

use super::{NOW, claims, generic, judge};
use crate::jwt_support::issuer::Issuer;

fn refusal(settings: Value, changes: Value) -> Option<TokenError> {
    judge(settings, changes).err()
}

#[test]
fn an_audience_list_with_anything_but_strings_is_refused() {
    assert_eq!(
        refusal(json!({}), json!({"aud": ["acme", 5]})),
        Some(TokenError::BadAudience)
    );
    assert_eq!(
        refusal(json!({}), json!({"aud": {"acme": true}})),
        Some(TokenError::BadAudience)
    );
    assert_eq!(refusal(json!({"aud": ["web", "acme"]}), json!({})), None);
}

#[test]
fn a_blank_subject_identifies_nobody() {
    for sub in [
        json!("  "),
        json!("\u{2003}"),
        json!(true),
        json!([]),
        json!("x".repeat(1025)),
    ] {
        assert_eq!(
            refusal(json!({}), json!({"sub": sub})),
            Some(TokenError::BadSub),
            "{sub}"
        );
    }
    assert_eq!(refusal(json!({}), json!({"sub": "x".repeat(1024)})), None);
}

#[test]
fn time_claims_must_be_finite_numbers() {
    for (name, value) in [
        ("nbf", json!("0")),
        ("iat", json!(true)),
        ("exp", json!([])),
        ("iat", json!({})),
    ] {
        assert_eq!(
            refusal(json!({}), json!({name: value})),
            Some(TokenError::BadClaimType),
            "{name}"
        );
    }
    assert_eq!(refusal(json!({}), json!({"exp": -1})), Some(TokenError::Expired));
    assert_eq!(refusal(json!({}), json!({"exp": 1e300})), None);
}

#[test]
fn a_zero_leeway_expires_a_token_on_the_second() {
    assert_eq!(
        refusal(json!({"leeway_s": 0}), json!({"exp": NOW})),
        Some(TokenError::Expired)
    );
    assert_eq!(refusal(json!({"leeway_s": 0}), json!({"exp": NOW + 1})), None);
    assert_eq!(
        refusal(json!({"leeway_s": 0}), json!({"iat": NOW + 1})),
        Some(TokenError::IatInFuture)
    );
}

#[test]
fn a_token_that_lives_too_long_is_refused_even_without_iat() {
    let limit = json!({"max_lifetime_s": 300});
    assert_eq!(refusal(limit.clone(), json!({})), None);
    assert_eq!(
        refusal(limit.clone(), json!({"exp": NOW + 301})),
        Some(TokenError::LifetimeTooLong)
    );
    assert_eq!(
        refusal(limit, json!({"iat": null, "exp": NOW + 301})),
        Some(TokenError::LifetimeTooLong)
    );
}

#[test]
fn an_authorised_party_of_a_wrong_type_is_not_in_the_list() {
    let settings = json!({"azp": ["https://app.example"]});
    assert_eq!(
        refusal(settings.clone(), json!({"azp": ["https://app.example"]})),
        Some(TokenError::BadAzp)
    );
    assert_eq!(
        refusal(settings.clone(), json!({"azp": "https://app.example"})),
        None
    );
    assert_eq!(refusal(settings, json!({})), None);
}

#[test]
fn a_missing_issuer_is_another_issuer() {
    for iss in [
        json!(null),
        json!(["https://id.acme.example/"]),
        json!("https://ID.acme.example/"),
    ] {
        assert_eq!(
            refusal(json!({}), json!({"iss": iss})),
            Some(TokenError::BadIssuer),
            "{iss}"
        );
    }
}

#[test]
fn header_types_are_compared_as_media_types() {
    let issuer = Issuer::ed25519("k1");
    let judge = |header: Value, typ: Value| {
        let token = issuer.token_with(&header, &claims(json!({})));
        verify(&token, &generic(&issuer, json!({"typ": typ})), NOW).err()
    };
    let header = |typ: &str| json!({"alg": "EdDSA", "kid": "k1", "typ": typ});
    assert_eq!(judge(header("application/AT+JWT"), json!(["at+jwt"])), None);
    assert_eq!(
        judge(header("JWT"), json!(["at+jwt"])),
        Some(TokenError::WrongTokenType)
    );
    let bare = json!({"alg": "EdDSA", "kid": "k1"});
    assert_eq!(
        judge(bare.clone(), json!(["at+jwt"])),
        Some(TokenError::WrongTokenType)
    );
    assert_eq!(judge(bare.clone(), json!(["at+jwt", ""])), None);
    assert_eq!(judge(bare, json!([])), None);
}

#[test]
fn what_a_verified_token_says_beside_the_identity_is_at_hand() {
    let verified = judge(
        json!({}),
        json!({"jti": "t1", "exp": 1_800_000_300.9, "plan": "pro"}),
    )
    .unwrap();
    assert_eq!(verified.issuer.as_deref(), Some("https://id.acme.example/"));
    assert_eq!(verified.token_id.as_deref(), Some("t1"));
    assert_eq!(verified.kid.as_deref(), Some("k1"));
    assert_eq!((verified.issued_at, verified.expires_at), (Some(NOW), NOW + 300));
    assert_eq!(verified.claims["plan"], "pro");
}

#[test]
fn times_beyond_any_calendar_are_cut_to_what_a_database_can_hold() {
    let verified = judge(json!({}), json!({"exp": 1e300, "iat": -1e300})).unwrap();
    assert_eq!(
        (verified.issued_at, verified.expires_at),
        (Some(0), 253_402_300_799)
    );
}

#[test]
fn a_token_inside_a_claim_is_not_shown_by_debug() {
    let verified = judge(
        json!({}),
        json!({"https://insforge.dev/insforge_token": "eyJhbGciOi"}),
    )
    .unwrap();
    assert!(!format!("{verified:?}").contains("eyJhbGciOi"));
}
