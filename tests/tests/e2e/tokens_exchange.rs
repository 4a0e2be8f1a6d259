//! What the exchange does besides verifying: memberships, revocations, limits, outages, other origins.

use std::time::Duration;

use anyhow::{Context, Result};
use insforge_tests::http::client;
use insforge_tests::issuer::now;
use insforge_tests::wait::wait_until;
use serde_json::json;

use crate::scene::SOON;
use crate::tokens_support::{Desk, ISSUER, seen};

const ROLES: &str = "SELECT string_agg(org_id || ':' || coalesce(role, '-'), ',' ORDER BY org_id) FROM insforge.memberships WHERE active";

/// Tokens of a provider whose role claim is configured.
async fn desk_with_roles() -> Result<Desk> {
    let desk = Desk::better_auth().await?;
    let settings =
        json!({"preset": "better-auth", "iss": ISSUER, "aud": ISSUER, "claims": {"org_role": [["role"]]}});
    Ok(desk.configure(settings))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_token_does_not_overwrite_what_a_newer_one_showed() -> Result<()> {
    let desk = desk_with_roles().await?;
    let counter = desk.open().await?;
    let newer = desk.token(&json!({"activeOrganizationId": "acme", "role": "admin", "iat": now()}))?;
    let older = desk.token(&json!({"activeOrganizationId": "acme", "role": "member", "iat": now() - 60}))?;
    for token in [&newer, &older, &newer] {
        assert_eq!(counter.exchange(token).await?.0, 200);
        assert_eq!(desk.sandbox.one(ROLES).await?, "acme:admin");
    }
    let second = desk.token(&json!({"activeOrganizationId": "other", "role": "member"}))?;
    assert_eq!(counter.exchange(&second).await?.0, 200);
    assert_eq!(
        desk.sandbox.one(ROLES).await?,
        "acme:admin,other:member",
        "a token shows one organisation and ends none"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_lapses_by_itself_after_the_token_that_last_showed_it() -> Result<()> {
    let desk = Desk::better_auth()
        .await?
        .set("INSFORGE_SIDECAR_TOKENS_MEMBERSHIP_TTL", "60s");
    let counter = desk.open().await?;
    let token = |ago: i64| desk.token(&json!({"activeOrganizationId": "acme", "iat": now() - ago}));
    let minted = counter.minted(&token(50)?).await?;
    let orgs = "SELECT insforge.org_ids()";
    assert_eq!(seen(&desk.sandbox, &minted, orgs).await?, ["{acme}"]);
    let lapsed = || async { Ok((seen(&desk.sandbox, &minted, orgs).await? == ["{}"]).then_some(())) };
    wait_until(SOON, "the membership lapses", lapsed).await?;
    counter.minted(&token(0)?).await?;
    assert_eq!(seen(&desk.sandbox, &minted, orgs).await?, ["{acme}"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_users_older_tokens_are_refused_and_the_memberships_they_showed_end() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let counter = desk.open().await?;
    let before = desk.token(&json!({"activeOrganizationId": "acme", "iat": now() - 5}))?;
    let minted = counter.minted(&before).await?;
    assert_eq!(
        seen(&desk.sandbox, &minted, "SELECT insforge.org_ids()").await?,
        ["{acme}"]
    );
    let revoke =
        format!("SELECT insforge.revoke('{ISSUER}', 'ada', now() - interval '2 s', 'stolen laptop')");
    assert_eq!(desk.sandbox.one(&revoke).await?, "1");
    assert_eq!(
        seen(&desk.sandbox, &minted, "SELECT insforge.org_ids()").await?,
        ["{}"]
    );
    assert_eq!(counter.refusal(&before).await?, (400, "revoked".to_owned()));
    let after = desk.token(&json!({"activeOrganizationId": "acme", "iat": now() + 2}))?;
    assert_eq!(counter.exchange(&after).await?.0, 200);
    assert_eq!(
        seen(&desk.sandbox, &minted, "SELECT insforge.org_ids()").await?,
        ["{acme}"]
    );
    assert_eq!(
        counter.exchange(&desk.token(&json!({"sub": "bob"}))?).await?.0,
        200,
        "nobody else is affected"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_database_nothing_is_exchanged_and_with_it_again_it_is() -> Result<()> {
    let desk = Desk::better_auth()
        .await?
        .set("INSFORGE_SIDECAR_DATABASE_QUERY_TIMEOUT", "1s");
    let counter = desk.open().await?;
    let token = desk.token(&json!({"activeOrganizationId": "acme"}))?;
    desk.sandbox.run("BEGIN; LOCK TABLE insforge.memberships").await?;
    assert_eq!(counter.refusal(&token).await?, (503, "unavailable".to_owned()));
    desk.sandbox.run("ROLLBACK").await?;
    let exchanged = || async { counter.minted(&token).await.map(Some) };
    wait_until(SOON, "exchanged again", exchanged).await?;
    assert_eq!(
        desk.sandbox
            .one("SELECT org_id FROM insforge.memberships")
            .await?,
        "acme"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_told_when_to_come_back() -> Result<()> {
    let desk = Desk::better_auth()
        .await?
        .set("INSFORGE_SIDECAR_TOKENS_PER_SUBJECT_PER_MINUTE", "1");
    let counter = desk.open().await?;
    let token = desk.token(&json!({}))?;
    for _ in 0..10 {
        assert_eq!(counter.exchange(&token).await?.0, 200);
    }
    let url = format!("http://{}/token", desk.address);
    let answer = client()?.post(&url).bearer_auth(&token).send().await?;
    assert_eq!(answer.status().as_u16(), 429);
    let wait: u64 = answer
        .headers()
        .get("retry-after")
        .context("retry-after")?
        .to_str()?
        .parse()?;
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(
        counter.exchange(&desk.token(&json!({"sub": "bob"}))?).await?.0,
        200
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_or_huge_request_holds_up_nobody_else() -> Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let desk = Desk::better_auth().await?;
    let counter = desk.open().await?;
    let mut slow = tokio::net::TcpStream::connect(desk.address).await?;
    slow.write_all(b"POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\ngrant_type=")
        .await?;
    let huge = client()?
        .post(format!("http://{}/token", desk.address))
        .bearer_auth("x".repeat(1 << 20));
    let status = huge.send().await.map(|answer| answer.status().as_u16());
    // The server may close before the client has written everything.
    assert!(
        status.is_err() || status.is_ok_and(|status| status == 431),
        "a megabyte in a header"
    );
    assert_eq!(counter.exchange(&desk.token(&json!({}))?).await?.0, 200);
    let mut said = Vec::new();
    tokio::time::timeout(Duration::from_secs(30), slow.read_to_end(&mut said)).await??;
    assert!(
        String::from_utf8_lossy(&said).starts_with("HTTP/1.1 408"),
        "{}",
        String::from_utf8_lossy(&said)
    );
    Ok(())
}
