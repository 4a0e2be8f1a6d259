use insforge_protocol::jwt::{Check, Explained, Outcome, TokenError, explain};
use serde_json::{Value, json};

use super::{NOW, claims, generic};
use crate::jwt_support::issuer::{Issuer, encode_json};

fn lines(settings: Value, changes: Value) -> Vec<Explained> {
    let issuer = Issuer::ed25519("k1");
    explain(&issuer.token(&claims(changes)), &generic(&issuer, settings), NOW)
}

fn line(lines: &[Explained], check: Check) -> &Explained {
    lines.iter().find(|line| line.check == check).unwrap()
}

#[test]
fn a_good_token_passes_every_line() {
    let lines = lines(json!({}), json!({}));
    assert_eq!(lines.len(), Check::ALL.len());
    assert!(
        lines.iter().all(|line| line.outcome == Outcome::Passed),
        "{lines:#?}"
    );
    assert_eq!(
        line(&lines, Check::Expiry).detail,
        "exp is 300 s ahead, leeway 30 s"
    );
}

#[test]
fn every_failing_check_is_listed_not_just_the_first() {
    let lines = lines(
        json!({"aud": "other"}),
        json!({"exp": NOW - 100, "iss": "https://id.acme.example"}),
    );
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| matches!(line.outcome, Outcome::Failed(_)))
        .collect();
    let checks: Vec<_> = failed.iter().map(|line| line.check).collect();
    assert_eq!(checks, [Check::Expiry, Check::Issuer, Check::Audience]);
    assert_eq!(
        line(&lines, Check::Issuer).detail,
        r#"iss is "https://id.acme.example", accepted: ["https://id.acme.example/"]"#
    );
}

#[test]
fn checks_that_build_on_a_failed_one_are_not_reached() {
    let no_key = lines(json!({"jwks": {"keys": []}}), json!({"exp": null}));
    assert_eq!(
        line(&no_key, Check::Key).outcome,
        Outcome::Failed(TokenError::UnknownKid)
    );
    assert_eq!(line(&no_key, Check::Key).detail, r#"kid is "k1", known: none"#);
    assert_eq!(line(&no_key, Check::Signature).outcome, Outcome::NotReached);
    assert_eq!(
        line(&no_key, Check::TimeClaims).outcome,
        Outcome::Failed(TokenError::MissingExp)
    );
    assert_eq!(line(&no_key, Check::Expiry).outcome, Outcome::NotReached);
    assert_eq!(line(&no_key, Check::Issuer).outcome, Outcome::Passed);
}

#[test]
fn text_that_is_no_token_fails_at_its_form() {
    let profile = generic(&Issuer::ed25519("k1"), json!({}));
    let lines = explain("Bearer abc", &profile, NOW);
    assert_eq!(line(&lines, Check::Size).outcome, Outcome::Passed);
    assert_eq!(
        line(&lines, Check::Form).outcome,
        Outcome::Failed(TokenError::Malformed)
    );
    assert_eq!(line(&lines, Check::Signature).outcome, Outcome::NotReached);
    let huge = explain(&"x".repeat(1 << 20), &profile, NOW);
    assert_eq!(
        line(&huge, Check::Size).outcome,
        Outcome::Failed(TokenError::TooLarge)
    );
}

#[test]
fn an_explanation_never_tells_who_the_user_is() {
    let lines = lines(
        json!({"aud": "other"}),
        json!({"sub": "ada-lovelace", "email": "ada@acme.example"}),
    );
    let text = format!("{lines:?}");
    assert!(
        !text.contains("ada-lovelace") && !text.contains("ada@acme"),
        "{text}"
    );
}

#[test]
fn control_characters_of_a_hostile_token_are_escaped_for_the_terminal() {
    let lines = lines(
        json!({}),
        json!({"iss": "\u{1b}[2J\u{9b}2J\u{202e}", "aud": ["\u{7}"]}),
    );
    assert!(
        lines
            .iter()
            .all(|line| !line.detail.chars().any(char::is_control)),
        "{lines:?}"
    );
}

#[test]
fn a_shared_secret_is_counted_and_not_shown() {
    let secret = "kWb0v1zN4pQ8sT6yR2mX9cL3hJ7gF5dA";
    let own = super::profile(json!({"preset": "insforge", "secret": secret}));
    let token = format!(
        "{}.{}.AAAA",
        encode_json(&json!({"alg": "HS256"})),
        encode_json(&claims(json!({})))
    );
    let lines = explain(&token, &own, NOW);
    assert_eq!(line(&lines, Check::Key).detail, "a shared secret, 1 configured");
    assert_eq!(
        line(&lines, Check::Signature).outcome,
        Outcome::Failed(TokenError::BadSignature)
    );
    assert!(!format!("{lines:?}").contains(secret));
}
