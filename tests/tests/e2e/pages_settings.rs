//! The settings, SQL and JSON of the other pages.

use anyhow::{Context, Result};
use insforge_tests::cluster::Template;
use insforge_tests::sidecar::Plan;
use serde_json::Value;

use crate::pages_support::{Folder, check_settings, root, texts};
use crate::rls_support::Sandbox;
use crate::tokens_support::SECRET;

/// Every page under `docs`, and the README.
fn pages() -> Result<Vec<(String, String)>> {
    let mut folders = vec![root().join("docs")];
    let mut files = vec![root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    let read =
        |path: std::path::PathBuf| anyhow::Ok((path.display().to_string(), std::fs::read_to_string(&path)?));
    files.into_iter().map(read).collect()
}

#[test]
fn settings_on_any_page_pass_the_check() -> Result<()> {
    let folder = Folder::new("settings")?;
    // What pages say comes from elsewhere: the database, the seller, OKX's keys.
    let plan = Plan::new("postgres://sidecar@db.example/app?sslmode=verify-full")?
        .set("INSFORGE_JWT_SECRET", SECRET)
        .set("PAYMENT_RECIPIENT", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
        .set("OKX_API_KEY", "8f1c2a7e-5b3d-4e6f-9a0b-c1d2e3f4a5b6")
        .set("OKX_SECRET_KEY", "9B4E1D7A3C8F5062E1B4D7A9C3F60852")
        .set("OKX_PASSPHRASE", "Correct-horse-7");
    let mut checked = 0;
    for (path, page) in pages()? {
        for toml in texts(&page, "toml") {
            check_settings(&folder, &plan, &toml).with_context(|| path.clone())?;
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked}");
    Ok(())
}

#[test]
fn json_on_any_page_can_be_read() -> Result<()> {
    for (path, page) in pages()? {
        for json in texts(&page, "json") {
            serde_json::from_str::<Value>(&json).with_context(|| format!("{path}: {json}"))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_first_statements_of_the_readme_run_as_they_stand() -> Result<()> {
    let readme = std::fs::read_to_string(root().join("README.md"))?;
    let sql = texts(&readme, "sql")
        .into_iter()
        .next()
        .context("SQL in the README")?;
    let sandbox = Sandbox::of(Template::Empty).await?;
    sandbox
        .run(
            "DO $$ BEGIN CREATE ROLE anon; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
                 DO $$ BEGIN CREATE ROLE authenticated; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        )
        .await?;
    sandbox.run(&sql).await
}
