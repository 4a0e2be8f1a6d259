//! Keys that change, are made up, or cannot be had.

use anyhow::Result;
use insforge_tests::issuer::{Answer, KeyServer, SigningKey};
use insforge_tests::wait::wait_until;
use serde_json::json;

use crate::scene::SOON;
use crate::tokens_support::{Desk, PATIENCE, token_by};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_rotated_in_verifies_at_once_and_one_rotated_out_stops_within_its_age() -> Result<()> {
    let desk = Desk::better_auth()
        .await?
        .set("INSFORGE_SIDECAR_TOKENS_KEYS_MAX_AGE", "4s");
    let desk = desk.set("INSFORGE_SIDECAR_TOKENS_KEYS_COOLDOWN", "1s");
    let counter = desk.open().await?;
    let next = SigningKey::new("EdDSA", "k2")?;
    desk.provider.publish(desk.jwks_path, &[&desk.key, &next])?;
    let new_token = token_by(&next, &json!({}))?;
    let accepted = || async { counter.minted(&new_token).await.map(Some) };
    wait_until(SOON, "the new key verifies", accepted).await?;
    let old_token = desk.token(&json!({}))?;
    assert_eq!(
        counter.exchange(&old_token).await?.0,
        200,
        "both keys are published"
    );
    desk.provider.publish(desk.jwks_path, &[&next])?;
    let gone = || async { Ok((counter.refusal(&old_token).await?.1 == "unknown_kid").then_some(())) };
    wait_until(PATIENCE, "the old key stops verifying", gone).await?;
    let stored = "SELECT count(*) FROM insforge.providers p, jsonb_array_elements(p.jwks -> 'keys') k WHERE k ->> 'kid' = 'k1'";
    let forgotten = || async { Ok((desk.sandbox.one(stored).await? == "0").then_some(())) };
    wait_until(SOON, "the database forgets it too", forgotten).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tokens_with_made_up_keys_are_at_most_one_fetch() -> Result<()> {
    let desk = Desk::better_auth()
        .await?
        .set("INSFORGE_SIDECAR_TOKENS_PER_ADDRESS_PER_MINUTE", "0");
    let counter = desk.open().await?;
    let before = desk.provider.asked(desk.jwks_path);
    let tokens: Vec<String> = (0..1000)
        .map(|n| token_by(&SigningKey::new("EdDSA", &format!("made-up-{n}"))?, &json!({})))
        .collect::<Result<_>>()?;
    let counter = &counter;
    let asked = tokens.chunks(50).map(|chunk| async move {
        for token in chunk {
            assert_eq!(counter.refusal(token).await?, (400, "unknown_kid".to_owned()));
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(asked).await?;
    let fetches = desk.provider.asked(desk.jwks_path) - before;
    assert!(fetches <= 1, "{fetches} fetches");
    assert_eq!(
        counter
            .metric("insforge_token_exchanges_total{result=\"unknown_kid\"}")
            .await?,
        1000.0
    );
    assert_eq!(
        counter.exchange(&desk.token(&json!({}))?).await?.0,
        200,
        "good tokens pass all the while"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_at_the_start_is_found_when_it_comes_up() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let address = insforge_tests::port::free_address()?;
    let settings = json!({"preset": "better-auth", "iss": crate::tokens_support::ISSUER,
        "aud": crate::tokens_support::ISSUER, "jwks_uri": format!("http://{address}/jwks")});
    let desk = desk.configure(settings);
    let counter = desk.launch().await?;
    let token = desk.token(&json!({}))?;
    let (status, body) = counter.exchange(&token).await?;
    assert_eq!(
        (status, &body["error"]),
        (503, &json!("temporarily_unavailable")),
        "{body}"
    );
    let late = KeyServer::start_at(address).await?;
    late.publish("/jwks", &[&desk.key])?;
    let accepted = || async { counter.minted(&token).await.map(Some) };
    wait_until(PATIENCE, "the token is accepted", accepted).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_keys_stay_through_an_outage_and_through_nonsense() -> Result<()> {
    let desk = Desk::better_auth()
        .await?
        .set("INSFORGE_SIDECAR_TOKENS_KEYS_MAX_AGE", "1s");
    let desk = desk.set("INSFORGE_SIDECAR_TOKENS_KEYS_COOLDOWN", "1s");
    let counter = desk.open().await?;
    let huge = vec![b' '; (1 << 20) + 1];
    let secret =
        json!({"keys": [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]});
    let mut private = desk.key.jwk()?;
    private["d"] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".into();
    for answer in [
        Answer::Status(500),
        Answer::Document(huge),
        Answer::Document(b"not json".to_vec()),
        Answer::Document(json!({"keys": []}).to_string().into_bytes()),
        Answer::Document(secret.to_string().into_bytes()),
        Answer::Document(json!({"keys": [private]}).to_string().into_bytes()),
        Answer::Silence,
    ] {
        let shown = format!("{answer:.60?}");
        desk.provider.say(desk.jwks_path, answer);
        let asked = desk.provider.asked(desk.jwks_path);
        let met = || async { Ok((desk.provider.asked(desk.jwks_path) > asked + 1).then_some(())) };
        wait_until(PATIENCE, "the sidecar asks again", met).await?;
        let reply = counter.exchange(&desk.token(&json!({}))?).await?;
        assert_eq!(reply.0, 200, "{shown}: {}", reply.1);
    }
    assert!(
        counter
            .metric("insforge_jwks_fetches_total{result=\"failed\"}")
            .await?
            >= 7.0
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_different_keys_with_one_name_verify_nothing() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let twin = SigningKey::new("EdDSA", "k1")?;
    let other = SigningKey::new("EdDSA", "k2")?;
    desk.provider
        .publish(desk.jwks_path, &[&desk.key, &twin, &other])?;
    let counter = desk.launch().await?;
    let accepted = || async { counter.minted(&token_by(&other, &json!({}))?).await.map(Some) };
    wait_until(SOON, "the other key verifies", accepted).await?;
    for key in [&desk.key, &twin] {
        assert_eq!(
            counter.refusal(&token_by(key, &json!({}))?).await?.1,
            "unknown_kid"
        );
    }
    Ok(())
}
