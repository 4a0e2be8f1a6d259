//! Tokens: any text, and any payload under a good signature.
//!
//! The first byte picks what the rest is. Without the signed half the fuzzer would hardly ever get
//! past base64 and the signature, and the claims and their mapping would go untested.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insforge_protocol::jwt::{self, Lifetime, MintError, Outcome, Preset, Profile, Secret, Verified};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const SECRET: &str = "kWb0v1zN4pQ8sT6yR2mX9cL3hJ7gF5dA";

struct World {
    issuer: Ed25519KeyPair,
    profiles: Vec<Profile>,
    insforge: Profile,
    secret: Secret,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let issuer = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let x = URL_SAFE_NO_PAD.encode(issuer.public_key().as_ref());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x});
    let profile = |preset: Preset| {
        let settings = json!({
            "preset": preset, "iss": "i", "aud": "a", "algs": ["EdDSA"], "typ": [], "jwks": {"keys": [jwk]}
        });
        serde_json::from_value(settings).unwrap()
    };
    World {
        profiles: Preset::ALL.into_iter().map(profile).collect(),
        insforge: serde_json::from_value(json!({"preset": "insforge", "secret": SECRET})).unwrap(),
        secret: Secret::new(SECRET).unwrap(),
        issuer,
    }
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let profile = &WORLD.profiles[usize::from(choice >> 1) % WORLD.profiles.len()];
    if choice & 1 == 1 {
        return signed(profile, rest);
    }
    if let Ok(text) = std::str::from_utf8(rest) {
        // Nobody but the issuer can make a token that verifies.
        assert!(judge(text, profile).is_none());
        assert!(judge(text, &WORLD.insforge).is_none());
    }
});

/// `payload`, optionally after a header and a zero byte, as the issuer would sign it.
fn signed(profile: &Profile, rest: &[u8]) {
    let own = br#"{"alg":"EdDSA","kid":"k"}"#.as_slice();
    let (header, payload) = match rest.iter().position(|byte| *byte == 0) {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (own, rest),
    };
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = WORLD.issuer.sign(input.as_bytes());
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    if let Some(verified) = judge(&token, profile) {
        mint_and_verify(&verified);
    }
}

/// Verdict and explanation must agree.
fn judge(token: &str, profile: &Profile) -> Option<Verified> {
    let verdict = jwt::verify(token, profile, NOW);
    let failed = jwt::explain(token, profile, NOW)
        .into_iter()
        .find_map(|line| match line.outcome {
            Outcome::Failed(error) => Some(error),
            Outcome::Passed | Outcome::NotReached => None,
        });
    assert_eq!(verdict.as_ref().err().copied(), failed);
    verdict.ok()
}

/// Whoever a provider's token names is who the minted token names.
fn mint_and_verify(verified: &Verified) {
    let identity = &verified.identity;
    assert!(!identity.user_id.trim().is_empty() && !identity.user_id.contains('\0'));
    let lifetime = Lifetime {
        ttl_s: 900,
        provider_exp: verified.expires_at,
        session_cap_s: None,
    };
    match jwt::mint(identity, lifetime, NOW, &WORLD.secret) {
        Err(error) => assert_eq!(error, MintError::NoTimeLeft),
        Ok(minted) => {
            assert!(minted.expires_at > NOW && minted.expires_at <= NOW + 900);
            let back = jwt::verify(&minted.token, &WORLD.insforge, NOW).unwrap().identity;
            assert_eq!((&back.user_id, &back.email), (&identity.user_id, &identity.email));
        }
    }
}
