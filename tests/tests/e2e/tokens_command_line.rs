//! `insforge-sidecar token verify|exchange`.

use std::io::Write;
use std::process::{Output, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::tokens_support::{Desk, token_by};

fn run(desk: &Desk, what: &str, token: &str) -> Result<Output> {
    let mut command = desk.plan.command(&["token", what])?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("stdin")?
        .write_all(format!("{token}\n").as_bytes())?;
    Ok(child.wait_with_output()?)
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_goes_through_the_checks_and_needs_neither_database_nor_secret() -> Result<()> {
    let desk = Desk::better_auth()
        .await?
        .set("DATABASE_URL", "")
        .set("INSFORGE_JWT_SECRET", "");
    let good = run(&desk, "verify", &desk.token(&json!({}))?)?;
    assert!(good.status.success(), "{}", said(&good));
    assert!(
        said(&good).contains("accepted: user id \"ada\""),
        "{}",
        said(&good)
    );
    let bad = run(
        &desk,
        "verify",
        &desk.token(&json!({"aud": "https://evil.example", "exp": 2, "iat": 1}))?,
    )?;
    assert_eq!(bad.status.code(), Some(1));
    let lines = said(&bad);
    for expected in [
        "signature         ok",
        "expiry            FAILED expired",
        "audience          FAILED bad_audience",
        "refused: expired: the token has expired",
        "https://evil.example",
    ] {
        assert!(lines.contains(expected), "{expected} in {lines}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_the_configured_issuers_for_a_token_of_another() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let output = run(
        &desk,
        "verify",
        &desk.token(&json!({"iss": "https://app.acme.example/"}))?,
    )?;
    assert_eq!(output.status.code(), Some(1));
    let lines = said(&output);
    assert!(
        lines.contains("no configured provider has the issuer \"https://app.acme.example/\""),
        "{lines}"
    );
    assert!(lines.contains("app: [\"https://app.acme.example\"]"), "{lines}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn exchange_prints_the_answer_and_records_like_the_endpoint() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let output = run(
        &desk,
        "exchange",
        &desk.token(&json!({"activeOrganizationId": "acme"}))?,
    )?;
    assert!(output.status.success(), "{}", said(&output));
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(
        desk.sandbox
            .one("SELECT org_id FROM insforge.memberships")
            .await?,
        "acme"
    );
    let stranger = insforge_tests::issuer::SigningKey::new("EdDSA", "k1")?;
    let refused = run(&desk, "exchange", &token_by(&stranger, &json!({}))?)?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("refused: bad_signature"),
        "{}",
        said(&refused)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_as_an_argument_is_taken_for_a_file_name_and_not_repeated() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let token = desk.token(&json!({}))?;
    let output = desk.plan.command(&["token", "verify", &token])?.output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(!said(&output).contains(&token), "{}", said(&output));
    Ok(())
}
