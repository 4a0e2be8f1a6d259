//! `doctor` finds what is wrong, each with what to do about it, and nothing where all is well.

use anyhow::Result;
use insforge_tests::cluster::{Database, Template};
use insforge_tests::sidecar::Plan;
use insforge_tests::standin::StandIn;
use serde_json::Value;

use crate::ops_support::{err, json, typed};
use crate::scene::Scene;

/// The findings, and the exit code.
async fn examined(plan: &Plan) -> Result<(Vec<Value>, Option<i32>)> {
    let output = typed(plan, &["doctor", "--json"]).await?;
    let findings = json(&output)?;
    let findings = findings.as_array().cloned().unwrap_or_default();
    assert!(!findings.is_empty(), "{}", err(&output));
    Ok((findings, output.status.code()))
}

/// The level of what was found about something, and what.
fn about(findings: &[Value], what: &str) -> (String, String) {
    let finding = findings
        .iter()
        .find(|finding| finding["about"].as_str().unwrap().starts_with(what));
    let finding = finding.unwrap_or_else(|| panic!("nothing about {what} in {findings:#?}"));
    let text = |member: &str| finding[member].as_str().unwrap_or_default().to_owned();
    if text("level") != "ok" {
        assert!(!text("remedy").is_empty(), "{finding}");
    }
    (text("level"), text("found"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_by_the_book_has_no_fault() -> Result<()> {
    let scene = Scene::new().await?;
    let rpc = format!("{},{}", scene.standin.rpc_url("a"), scene.standin.rpc_url("b"));
    let (findings, code) = examined(&scene.plan()?.set("XLAYER_RPC_URLS", &rpc)).await?;
    for what in [
        "database",
        "server",
        "extension",
        "privileges",
        "role",
        "listener",
        "clock against the database",
        "clock against OKX",
        "facilitator",
        "exact on eip155:196",
        "endpoint",
        "domain of USDG",
        "domain of USD₮0",
        "domain of USDC.b",
    ] {
        assert_eq!(about(&findings, what).0, "ok", "{what}: {findings:#?}");
    }
    assert_eq!(code, Some(0));
    assert!(
        scene.standin.calls().of("settle").is_empty(),
        "it sends no payment"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_a_wrong_key_and_a_dead_endpoint_are_found_at_once() -> Result<()> {
    let scene = Scene::new().await?;
    let plan = Plan::settling(&scene.database.url(), &scene.standin)?;
    let plan = plan
        .set("OKX_PASSPHRASE", "wrong")
        .set("XLAYER_RPC_URLS", "http://127.0.0.1:9/key-in-path")
        .set("INSFORGE_JWT_SECRET", "short");
    let (findings, code) = examined(&plan).await?;
    assert_eq!(code, Some(1));
    let (level, found) = about(&findings, "role");
    assert_eq!(
        (level.as_str(), found.contains("superuser")),
        ("warning", true),
        "{found}"
    );
    let (level, found) = about(&findings, "facilitator");
    assert_eq!(
        (
            level.as_str(),
            found.contains("50105") || found.contains("PASSPHRASE")
        ),
        ("fault", true),
        "{found}"
    );
    assert_eq!(about(&findings, "endpoint").0, "fault");
    let all = serde_json::to_string(&findings)?;
    assert!(
        all.contains("is shorter than 32 bytes; production would refuse it"),
        "{all}"
    );
    for secret in ["key-in-path", "\"wrong\"", "standin-secret"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_extension_or_the_grant_is_told_what_to_run() -> Result<()> {
    let standin = StandIn::start().await?;
    let empty = Database::create(Template::Empty).await?;
    let (findings, code) = examined(&Plan::settling(&empty.sidecar_url(), &standin)?).await?;
    assert_eq!(
        (about(&findings, "extension").0.as_str(), code),
        ("fault", Some(1))
    );

    let scene = Scene::new().await?;
    let client = scene.database.client().await?;
    client
        .batch_execute("REVOKE ALL ON FUNCTION x402.claim(text, int, interval, text[]) FROM sidecar")
        .await?;
    let (findings, code) = examined(&scene.plan()?).await?;
    let (level, found) = about(&findings, "privileges");
    assert_eq!((level.as_str(), code), ("fault", Some(1)));
    assert!(found.contains("x402.claim"), "{found}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_and_a_broken_configuration_do_not_hide_each_other() -> Result<()> {
    let standin = StandIn::start().await?;
    let plan = Plan::settling("postgres://sidecar@127.0.0.1:9/app", &standin)?;
    let (findings, code) = examined(&plan).await?;
    assert_eq!(
        (about(&findings, "database").0.as_str(), code),
        ("fault", Some(1))
    );
    assert_eq!(about(&findings, "facilitator").0, "ok");
    let (findings, code) = examined(&plan.set("OKX_API_GENERATION", "3")).await?;
    assert_eq!(
        (about(&findings, "configuration").0.as_str(), code),
        ("fault", Some(1))
    );
    assert_eq!(about(&findings, "database").0, "fault");
    Ok(())
}
