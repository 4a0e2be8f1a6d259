use insforge_protocol::jwt::{Alg, Preset, Profile};
use serde_json::{Value, json};

use super::{NOW, profile};
use crate::jwt_support::issuer::Issuer;

fn complaint(settings: Value) -> String {
    serde_json::from_value::<Profile>(settings)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_preset_needs_only_what_is_the_users_own() {
    let clerk = profile(json!({"preset": "clerk", "iss": "https://clerk.acme.example"}));
    assert_eq!(clerk.spec().algs, [Alg::RS256]);
    assert_eq!(clerk.spec().leeway_s, Some(30));
    assert_eq!(
        clerk.jwks_uri().as_deref(),
        Some("https://clerk.acme.example/.well-known/jwks.json")
    );
    let insforge = profile(json!({"preset": "insforge", "secret": "kWb0v1zN4pQ8sT6yR2mX9cL3hJ7gF5dA"}));
    assert_eq!(insforge.spec().algs, [Alg::HS256]);
    assert_eq!(insforge.spec().reject_type.as_ref().unwrap().len(), 2);
}

#[test]
fn a_profile_that_would_let_strangers_in_is_refused() {
    let secret = "kWb0v1zN4pQ8sT6yR2mX9cL3hJ7gF5dA";
    let iss = "https://x.example";
    for (settings, expected) in [
        (json!({"preset": "clerk"}), "`iss` is missing"),
        (json!({"preset": "clerk", "iss": [""]}), "empty string"),
        (json!({"preset": "auth0", "iss": iss}), "`aud` is missing"),
        (json!({"preset": "stytch", "iss": iss}), "`aud` is missing"),
        (json!({"preset": "better-auth", "iss": iss}), "`aud` is missing"),
        (json!({"iss": iss}), "`aud` is missing"),
        (
            json!({"preset": "clerk", "iss": iss, "algs": ["HS256"]}),
            "InsForge's own",
        ),
        (
            json!({"preset": "clerk", "iss": iss, "secret": secret}),
            "InsForge's own",
        ),
        (
            json!({"preset": "clerk", "iss": iss, "previous_secret": secret}),
            "InsForge's own",
        ),
        (
            json!({"preset": "clerk", "iss": iss, "leeway_s": 121}),
            "leeway_s",
        ),
        (
            json!({"preset": "clerk", "iss": iss, "max_lifetime_s": 0}),
            "max_lifetime_s",
        ),
        (
            json!({"preset": "clerk", "iss": iss, "user_prefix": "a\0"}),
            "user_prefix",
        ),
        (json!({"preset": "clerk", "iss": iss, "jwks": {}}), "jwks"),
        (json!({"preset": "clerk", "iss": iss, "algs": ["none"]}), "none"),
        (
            json!({"preset": "clerk", "iss": iss, "autorised_parties": []}),
            "unknown field",
        ),
        (json!({"preset": "firebase", "iss": iss}), "unknown variant"),
    ] {
        let text = complaint(settings.clone());
        assert!(text.contains(expected), "{settings}: {text}");
    }
}

#[test]
fn any_audience_must_be_asked_for_by_name() {
    let lax = json!({"preset": "oidc", "iss": "https://x.example", "allow_any_audience": true});
    assert!(profile(lax).spec().aud.is_empty());
}

#[test]
fn a_weak_secret_in_a_configuration_is_refused_without_being_repeated() {
    let text = complaint(json!({"preset": "insforge", "secret": "dev-secret-please-change-in-production"}));
    assert!(
        text.contains("placeholder") && !text.contains("dev-secret"),
        "{text}"
    );
}

#[test]
fn a_profile_is_written_complete_and_without_its_secret() {
    let secret = "kWb0v1zN4pQ8sT6yR2mX9cL3hJ7gF5dA";
    let issuer = Issuer::rsa("k");
    let profile = profile(json!({"preset": "insforge", "secret": secret, "jwks": issuer.jwks()}));
    let written = serde_json::to_value(&profile).unwrap();
    assert!(!written.to_string().contains(secret) && !format!("{profile:?}").contains(secret));
    assert_eq!(written["algs"], json!(["HS256", "RS256"]));
    assert_eq!(written["jwks"]["keys"][0]["kid"], "k");
    let again: Profile = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), written);
}

#[test]
fn every_preset_survives_being_written_and_read() {
    for preset in Preset::ALL {
        let own = profile(json!({"preset": preset, "iss": "https://x.example", "aud": "a"}));
        let written = serde_json::to_value(&own).unwrap();
        let again: Profile = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), written, "{preset:?}");
        assert_eq!(again.preset(), preset);
    }
}

#[test]
fn claim_paths_can_be_configured_one_by_one() {
    let issuer = Issuer::rsa("k");
    let own = profile(json!({
        "iss": super::ISS, "aud": "acme", "jwks": issuer.jwks(), "user_prefix": "entra:",
        "claims": {"user_id": [["oid"]], "org_id": [["tid"]], "permissions": [["https://acme.example/can"]]}
    }));
    let claims = super::claims(json!({
        "oid": "0b2c", "tid": "t1", "https://acme.example/can": ["read", 7, ""], "email": "ada@acme.example"
    }));
    let identity = insforge_protocol::jwt::verify(&issuer.token(&claims), &own, NOW)
        .unwrap()
        .identity;
    assert_eq!(identity.user_id, "entra:0b2c");
    assert_eq!(identity.org_id.as_deref(), Some("t1"));
    assert_eq!(identity.permissions, ["read"]);
    assert_eq!(
        identity.email.as_deref(),
        Some("ada@acme.example"),
        "the preset's path still holds"
    );
}
