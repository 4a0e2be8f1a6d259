//! Any OpenID Connect issuer: keys by discovery.

use anyhow::Result;
use insforge_tests::issuer::{Answer, KeyServer, SigningKey, now};
use serde_json::{Value, json};

use crate::tokens_support::{Counter, Desk};

const DOCUMENT: &str = "/.well-known/openid-configuration";

/// An issuer on this machine whose document names `jwks_uri`, and a sidecar that knows only the issuer.
async fn discovered(jwks_uri: impl Fn(&KeyServer) -> Value) -> Result<(Desk, Counter, String)> {
    let desk = Desk::new(
        "RS256",
        "k",
        "/oauth2/keys",
        json!({"preset": "clerk", "iss": "https://x.example"}),
    )
    .await?;
    let issuer = desk.provider.url("");
    let document =
        json!({"issuer": issuer, "jwks_uri": jwks_uri(&desk.provider), "response_types_supported": ["code"]});
    desk.provider
        .say(DOCUMENT, Answer::Document(document.to_string().into_bytes()));
    let settings = json!({"app": {"preset": "oidc", "iss": issuer, "aud": "my-app", "claims": {"org_id": [["tenant"]]}}});
    let desk = desk.set("INSFORGE_SIDECAR_TOKEN_PROVIDERS", &settings.to_string());
    let claims = json!({"iss": issuer, "aud": "my-app", "sub": "248289761001", "tenant": "acme", "iat": now(), "exp": now() + 600});
    let token = desk.key.token(&json!({"typ": "JWT"}), &claims)?;
    let counter = desk.launch().await?;
    Ok((desk, counter, token))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuers_own_document_leads_to_its_keys() -> Result<()> {
    let (desk, counter, token) = discovered(|server| server.url("/oauth2/keys").into()).await?;
    let minted = || async { counter.minted(&token).await.map(Some) };
    let minted = insforge_tests::wait::wait_until(crate::scene::SOON, "exchanged", minted).await?;
    assert_eq!(minted.subject, "248289761001");
    assert_eq!(
        desk.sandbox
            .one("SELECT org_id FROM insforge.memberships")
            .await?,
        "acme"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_names_no_keys_leaves_the_exchange_waiting() -> Result<()> {
    let (_desk, counter, token) = discovered(|_| json!(7)).await?;
    assert_eq!(
        counter.refusal(&token).await?,
        (503, "keys_unavailable".to_owned())
    );
    let log = || async { Ok(counter.sidecar.log().text().contains("discovery").then_some(())) };
    insforge_tests::wait::wait_until(crate::scene::SOON, "the log says so", log).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_not_taken_from_another_host_by_redirect() -> Result<()> {
    let stranger = KeyServer::start().await?;
    let key = SigningKey::new("EdDSA", "k1")?;
    stranger.publish("/keys", &[&key])?;
    let desk = Desk::better_auth().await?;
    // Another name for this machine is another host.
    let elsewhere = stranger.url("/keys").replace("127.0.0.1", "localhost");
    desk.provider.say(desk.jwks_path, Answer::Redirect(elsewhere));
    let counter = desk.launch().await?;
    let token = crate::tokens_support::token_by(&key, &json!({}))?;
    assert_eq!(
        counter.refusal(&token).await?,
        (503, "keys_unavailable".to_owned())
    );
    assert_eq!(stranger.asked("/keys"), 0);
    Ok(())
}
