//! Configurations that must not start, and those that may.

use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use insforge_tests::sidecar::Plan;
use serde_json::{Value, json};

use crate::scene::SOON;
use crate::tokens_support::{Desk, SECRET};

/// What `run` says before it ends 1.
async fn refusal(providers: &Value, secret: Option<&str>) -> Result<String> {
    let plan = Plan::new("postgres://nobody@127.0.0.1:1/none")?
        .set("INSFORGE_SIDECAR_SETTLER", "false")
        .set("INSFORGE_SIDECAR_TOKEN_PROVIDERS", &providers.to_string());
    let plan = match secret {
        Some(secret) => plan.set("INSFORGE_JWT_SECRET", secret),
        None => plan,
    };
    let sidecar = plan.launch()?;
    let ended = sidecar.process().wait(SOON).await?;
    assert_eq!(ended.code(), Some(1), "{}", sidecar.log().text());
    Ok(sidecar.log().text())
}

fn clerk(name: &str) -> Value {
    json!({"preset": "clerk", "iss": format!("https://{name}.acme.example")})
}

#[tokio::test]
async fn two_providers_need_prefixes_before_they_may_share_a_database() -> Result<()> {
    let said = refusal(&json!({"one": clerk("one"), "two": clerk("two")}), Some(SECRET)).await?;
    assert!(
        said.contains("one and two could give two people the same user id"),
        "{said}"
    );
    assert!(said.contains("user_prefix"), "{said}");
    Ok(())
}

#[tokio::test]
async fn providers_without_a_secret_are_refused_with_where_to_put_it() -> Result<()> {
    let said = refusal(&json!({"app": clerk("app")}), None).await?;
    assert!(
        said.contains("INSFORGE_JWT_SECRET") && said.contains("is not set"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn guessable_secrets_are_refused_without_being_shown() -> Result<()> {
    for secret in [
        "dev-secret-please-change-in-production",
        "too-short-for-hs256",
        "abcabcabcabcabcabcabcabcabcabcabcabc",
    ] {
        let said = refusal(&json!({"app": clerk("app")}), Some(secret)).await?;
        assert!(said.contains("INSFORGE_JWT_SECRET"), "{said}");
        assert!(!said.contains(secret), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_misspelt_check_is_refused_not_ignored() -> Result<()> {
    let mut settings = clerk("app");
    settings["audience"] = "x".into();
    let said = refusal(&json!({"app": settings}), Some(SECRET)).await?;
    assert!(said.contains("audience"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_may_stand_in_a_file_with_a_newline_at_its_end() -> Result<()> {
    let desk = Desk::better_auth().await?;
    let path = std::env::temp_dir().join(format!("insforge-secret-{}", std::process::id()));
    std::fs::write(&path, format!("{SECRET}\n"))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let desk = desk
        .set("INSFORGE_JWT_SECRET", "")
        .set("INSFORGE_JWT_SECRET_FILE", &path.display().to_string());
    let counter = desk.open().await;
    std::fs::remove_file(&path)?;
    // Verified with the secret itself.
    counter?.minted(&desk.token(&json!({}))?).await?;
    Ok(())
}
