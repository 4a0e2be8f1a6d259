//! Policies as they should be raise neither an error nor a warning.

use anyhow::Result;

use crate::audit_support::{findings, fixture, insforge};

async fn is_correct(file: &str, at_least: usize) -> Result<()> {
    let sandbox = insforge().await?;
    sandbox.run(&fixture(file)?).await?;
    let policies: usize = sandbox.one("SELECT count(*) FROM pg_policy").await?.parse()?;
    assert!(policies >= at_least, "{policies} policies in {file}");
    let loud: Vec<_> = findings(&sandbox)
        .await?
        .into_iter()
        .filter(|f| f.is_loud())
        .collect();
    assert!(loud.is_empty(), "{file}: {loud:?}");
    Ok(())
}

#[tokio::test]
async fn what_the_generator_makes_is_correct() -> Result<()> {
    is_correct("correct_templates.sql", 60).await
}

#[tokio::test]
async fn what_the_guides_for_other_providers_recommend_is_correct() -> Result<()> {
    is_correct("correct_third_party.sql", 40).await
}

#[tokio::test]
async fn what_the_guides_for_the_platforms_own_users_recommend_is_correct() -> Result<()> {
    is_correct("correct_native.sql", 14).await
}

#[tokio::test]
async fn the_extensions_own_objects_are_correct_or_left_out() -> Result<()> {
    let sandbox = insforge().await?;
    let found = findings(&sandbox).await?;
    let ours: Vec<_> = found
        .iter()
        .filter(|f| f.object.contains("insforge") || f.object.contains("x402"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
    Ok(())
}
