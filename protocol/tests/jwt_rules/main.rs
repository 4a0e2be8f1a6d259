//! The rules around signatures: keys, claims, presets, profiles, minting, explanations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

#[path = "../jwt_support/mod.rs"]
mod jwt_support;

mod claims;
mod explain;
mod keys;
mod keysets;
mod mint;
mod presets;
mod profiles;

use insforge_protocol::jwt::{Profile, TokenError, Verified, verify};
use jwt_support::NOW;
use jwt_support::issuer::Issuer;
use serde_json::{Value, json};

/// The issuer most tests sign as; its key is made once per test.
const ISS: &str = "https://id.acme.example/";

fn profile(settings: Value) -> Profile {
    serde_json::from_value(settings).unwrap()
}

/// A generic provider with this issuer's key and `changes` on top.
fn generic(issuer: &Issuer, changes: Value) -> Profile {
    let mut settings = json!({
        "iss": ISS, "aud": "acme", "jwks": issuer.jwks(), "algs": ["RS256", "PS256", "ES256", "EdDSA"]
    });
    merge(&mut settings, changes);
    profile(settings)
}

/// Claims that the generic provider accepts, with `changes` on top; `null` removes a claim.
fn claims(changes: Value) -> Value {
    let mut claims = json!({"iss": ISS, "aud": "acme", "sub": "u1", "iat": NOW, "exp": NOW + 300});
    merge(&mut claims, changes);
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

fn merge(onto: &mut Value, changes: Value) {
    for (name, value) in changes.as_object().unwrap() {
        onto[name] = value.clone();
    }
}

/// Judges one token of a generic provider with an Ed25519 key.
fn judge(settings: Value, changes: Value) -> Result<Verified, TokenError> {
    let issuer = Issuer::ed25519("k1");
    verify(&issuer.token(&claims(changes)), &generic(&issuer, settings), NOW)
}
