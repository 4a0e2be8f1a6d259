use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::health::Health;
use crate::tokens::provider::Provider;
use crate::tokens::testing::{ALICE, EVIL, FakeRegistrar, NOW, OLD, OTHER, exchange};

fn payload(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for c in part.bytes() {
        let digit = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            .iter()
            .position(|d| *d == c);
        held = (held << 6) | u32::try_from(digit.unwrap()).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_good_token_becomes_a_short_lived_one_and_its_organisation_is_recorded() {
    let registrar = Arc::new(FakeRegistrar::default());
    let exchange = exchange(&registrar, |_, _| {}).await;
    let granted = exchange.exchange(ALICE, None).await.unwrap();
    assert_eq!(granted.expires_in, 900);
    let claims = json!({"sub": "alice", "role": "authenticated", "aud": "insforge-api", "email": "ada@acme.example",
        "iat": NOW, "exp": NOW + 900});
    assert_eq!(payload(&granted.minted.token), claims);
    let recorded = registrar.recorded.lock().unwrap();
    assert_eq!(
        (recorded[0].provider.as_str(), recorded[0].org_id.as_deref()),
        ("app", Some("orgA"))
    );
    assert_eq!(recorded[0].issuer, "https://app.acme.example");
}

#[tokio::test]
async fn each_refusal_is_counted_by_its_name() {
    let registrar = Arc::new(FakeRegistrar::default());
    let exchange = exchange(&registrar, |_, _| {}).await;
    for (token, name) in [
        ("x", "malformed"),
        (OLD, "expired"),
        (OTHER, "unknown_issuer"),
        (EVIL, "reserved_user_id"),
    ] {
        assert_eq!(exchange.exchange(token, None).await.unwrap_err().name(), name);
        let counted = format!("insforge_token_exchanges_total{{result=\"{name}\"}} 1");
        assert!(
            exchange.metrics.render(&Health::default()).contains(&counted),
            "{counted}"
        );
    }
    assert!(registrar.batches().is_empty(), "nothing was recorded");
}

#[tokio::test]
async fn revoked_subjects_and_an_unreachable_database_get_no_token() {
    let registrar = Arc::new(FakeRegistrar::default());
    let exchange = exchange(&registrar, |settings, _| settings["user_prefix"] = json!("a:")).await;
    assert_eq!(exchange.exchange(EVIL, None).await.unwrap_err(), Refused::Revoked);
    registrar.break_down(true);
    let refused = exchange.exchange(ALICE, None).await.unwrap_err();
    assert_eq!(refused, Refused::Unavailable);
    assert!(refused.retry_after().is_some());
}

#[tokio::test]
async fn a_provider_whose_keys_never_came_is_a_matter_of_time() {
    let registrar = Arc::new(FakeRegistrar::default());
    let mut exchange = exchange(&registrar, |_, _| {}).await;
    exchange.verifier.providers.remove(0);
    let clerk = crate::tokens::ProviderSettings::read(
        "app",
        &json!({"preset": "better-auth",
        "iss": "https://app.acme.example", "aud": "https://app.acme.example"}),
    );
    let timing = crate::tokens::Timing {
        max_age: Duration::ZERO,
        cooldown: Duration::ZERO,
        keep: Duration::ZERO,
    };
    exchange
        .verifier
        .providers
        .extend(Provider::all(&[clerk.unwrap()], timing, &Arc::default()).unwrap());
    assert_eq!(
        exchange.exchange(ALICE, None).await.unwrap_err(),
        Refused::KeysUnavailable
    );
}

#[tokio::test]
async fn a_session_cap_lets_the_minted_token_live_on_and_the_prefix_marks_the_user() {
    let registrar = Arc::new(FakeRegistrar::default());
    let change = |settings: &mut Value, _: &mut Limits| {
        settings["session_cap"] = json!("5m");
        settings["user_prefix"] = json!("ba:");
    };
    let exchange = exchange(&registrar, change).await;
    let granted = exchange.exchange(ALICE, None).await.unwrap();
    assert_eq!(granted.expires_in, 300);
    assert_eq!(payload(&granted.minted.token)["sub"], "ba:alice");
}

#[tokio::test(start_paused = true)]
async fn addresses_and_users_are_limited_apart() {
    let registrar = Arc::new(FakeRegistrar::default());
    let exchange = exchange(&registrar, |_, limits| {
        limits.per_address = RateLimit::new(60);
        limits.per_subject = RateLimit::new(6);
    })
    .await;
    let address = |n: u8| Some(IpAddr::from([203, 0, 113, n]));
    for n in 0..10 {
        assert!(exchange.exchange(ALICE, address(n)).await.is_ok());
    }
    let refused = exchange.exchange(ALICE, address(99)).await.unwrap_err();
    assert_eq!(refused, Refused::SubjectLimited(Duration::from_secs(10)));
    for _ in 0..10 {
        assert_eq!(
            exchange.exchange("x", address(50)).await.unwrap_err().name(),
            "malformed"
        );
    }
    assert_eq!(
        exchange.exchange("x", address(50)).await.unwrap_err().name(),
        "address_limited"
    );
}
