//! Tokens that no provider makes, at every door: the endpoint, the command line, the database.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result};
use insforge_tests::http::client;
use insforge_tests::issuer::now;
use serde_json::{Value, json};

use crate::tokens_support::{Desk, ISSUER};

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// As a form; the status and the body.
async fn send(desk: &Desk, token: &str) -> Result<(u16, Value)> {
    let body = format!("grant_type={GRANT}&subject_token={token}&subject_token_type={JWT}");
    let answer = client()?
        .post(format!("http://{}/token", desk.address))
        .header("content-type", FORM)
        .body(body)
        .send()
        .await?;
    Ok((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
}

/// A good token that is padded by a claim to about this size.
fn padded(desk: &Desk, bytes: usize) -> Result<String> {
    desk.token(&json!({"padding": "x".repeat(bytes)}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_megabyte_is_refused_at_every_door_by_its_size() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let counter = desk.open().await?;
    let (some, large, huge) = (
        padded(&desk, 8_000)?,
        padded(&desk, 17_000)?,
        padded(&desk, 1 << 20)?,
    );
    assert_eq!(send(&desk, &some).await?.0, 200, "large, but not too large");
    let (status, body) = send(&desk, &large).await?;
    assert_eq!((status, &body["reason"]), (400, &json!("too_large")), "{body}");
    // The server may close before the client has written everything.
    let answer = send(&desk, &huge).await;
    assert!(
        answer.as_ref().map_or(true, |(status, _)| *status == 413),
        "{answer:?}"
    );

    let mut command = desk.plan.command(&["token", "verify"])?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // It need not read to the end to know.
    drop(child.stdin.take().context("stdin")?.write_all(huge.as_bytes()));
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(told.contains("too_large") && told.len() < 1_000, "{told:.1000}");

    let login = "SELECT insforge.login($1)";
    let refused = desk.sandbox.client.query_one(login, &[&huge]).await;
    let error = refused.err().context("a megabyte logged in")?;
    let message = error.as_db_error().context("the server's error")?.to_string();
    assert!(
        message.contains("16384") && message.len() < 1_000,
        "{message:.1000}"
    );

    assert_eq!(counter.exchange(&desk.token(&json!({}))?).await?.0, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_may_differ_by_half_a_minute_and_no_more() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let counter = desk.open().await?;
    let reason = |times: Value| {
        let counter = &counter;
        let token = desk.token(&times);
        async move {
            let (status, body) = counter.exchange(&token?).await?;
            anyhow::Ok((status, body["reason"].as_str().unwrap_or("granted").to_owned()))
        }
    };
    // The provider's clock is ahead.
    let ahead = |by: i64| json!({"iat": now() + by, "nbf": now() + by, "exp": now() + by + 900});
    assert_eq!(reason(ahead(20)).await?, (200, "granted".to_owned()));
    assert_eq!(reason(ahead(60)).await?, (400, "not_yet_valid".to_owned()));
    assert_eq!(
        reason(json!({"iat": now() + 60})).await?,
        (400, "iat_in_future".to_owned())
    );
    // Ours is: the token has ended here, but perhaps not there. It is good, and leaves no time for another.
    let ended = |ago: i64| json!({"iat": now() - 900, "exp": now() - ago});
    assert_eq!(reason(ended(10)).await?, (400, "no_time_left".to_owned()));
    assert_eq!(reason(ended(60)).await?, (400, "expired".to_owned()));
    // A minted token is never issued ahead of our clock, which PostgREST would refuse.
    let minted = counter.minted(&desk.token(&ahead(20))?).await?;
    assert!(minted.issued_at.context("iat")? <= now());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_name_keys_or_no_algorithm_change_nothing() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let counter = desk.open().await?;
    let claims = json!({"iss": ISSUER, "aud": ISSUER, "sub": "eve", "iat": now(), "exp": now() + 900});
    let stranger = insforge_tests::issuer::SigningKey::new("EdDSA", "k1")?;
    let (elsewhere, path) = (desk.provider.url("/elsewhere"), "/elsewhere");
    desk.provider.publish(path, &[&stranger])?;
    for (header, expected) in [
        (json!({"jku": elsewhere}), "bad_signature"),
        (json!({"x5u": elsewhere}), "bad_signature"),
        (json!({"jwk": stranger.jwk()?}), "bad_signature"),
        (json!({"kid": elsewhere}), "unknown_kid"),
        (json!({"kid": "../../../../dev/null"}), "unknown_kid"),
        (json!({"alg": "none"}), "alg_not_allowed"),
        (json!({"alg": "HS256"}), "alg_not_allowed"),
        (json!({"crit": ["exp"]}), "bad_crit"),
    ] {
        let (status, reason) = counter.refusal(&stranger.token(&header, &claims)?).await?;
        assert_eq!((status, reason.as_str()), (400, expected), "{header}");
    }
    assert_eq!(
        desk.provider.asked(path),
        0,
        "nothing is fetched that a token names"
    );
    Ok(())
}
