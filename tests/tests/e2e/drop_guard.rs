//! Dropping the extension, or what it stands on, does not take payments along by accident, and hinders
//! nobody who drops something else.

use anyhow::Result;
use insforge_tests::cluster::Template;

use crate::rls_support::{Sandbox, Session};

const PAID: &str =
    "INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xAb', '/x', '1', '0x1')";

async fn with_a_payment() -> Result<Sandbox> {
    let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
    sandbox.run(PAID).await?;
    Ok(sandbox)
}

#[tokio::test]
async fn nothing_that_would_take_the_ledger_along_is_dropped_while_it_has_rows() -> Result<()> {
    let sandbox = with_a_payment().await?;
    for sql in [
        "DROP EXTENSION insforge_integrations",
        "DROP EXTENSION IF EXISTS insforge_integrations CASCADE",
        "DROP EXTENSION plpgsql CASCADE",
        "DROP SCHEMA public CASCADE",
        "CREATE SCHEMA other; DROP SCHEMA other, public CASCADE",
        "DROP SCHEMA x402 CASCADE",
        "DROP TABLE x402_payments",
        "DROP TABLE x402.events CASCADE",
        "DO $$ BEGIN EXECUTE 'DROP EXTENSION insforge_integrations'; END $$",
    ] {
        assert_eq!(sandbox.refusal(sql).await?.code, "2BP01", "{sql}");
        assert_eq!(
            sandbox.one("SELECT count(*) FROM x402_payments").await?,
            "1",
            "{sql}"
        );
    }
    let refusal = sandbox.refusal("DROP EXTENSION insforge_integrations").await?;
    assert!(refusal.message.contains("ledger"), "{refusal:?}");
    assert!(refusal.hint.contains("x402.allow_ledger_drop"), "{refusal:?}");
    Ok(())
}

#[tokio::test]
async fn the_extension_is_dropped_with_its_rows_once_that_is_allowed() -> Result<()> {
    let sandbox = with_a_payment().await?;
    sandbox
        .run("SET x402.allow_ledger_drop = 'on'; DROP EXTENSION insforge_integrations")
        .await?;
    assert_eq!(
        sandbox.one("SELECT to_regclass('public.x402_payments')").await?,
        ""
    );
    let sandbox = with_a_payment().await?;
    sandbox
        .run("SET x402.allow_ledger_drop = 'on'; DROP SCHEMA public CASCADE")
        .await?;
    assert_eq!(
        sandbox
            .one("SELECT count(*) FROM pg_extension WHERE extname = 'insforge_integrations'")
            .await?,
        "0"
    );
    Ok(())
}

#[tokio::test]
async fn an_empty_ledger_goes_with_the_extension_and_comes_back() -> Result<()> {
    let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
    sandbox
        .run("DROP EXTENSION insforge_integrations; CREATE EXTENSION insforge_integrations")
        .await?;
    sandbox.run(PAID).await?;
    assert_eq!(
        sandbox
            .refusal("DROP EXTENSION insforge_integrations")
            .await?
            .code,
        "2BP01"
    );
    Ok(())
}

#[tokio::test]
async fn an_ordinary_role_drops_its_own_schemas_and_extensions_as_ever() -> Result<()> {
    let sandbox = with_a_payment().await?;
    sandbox
        .run(&format!(
            "CREATE ROLE drop_guard_eve LOGIN; GRANT CREATE ON DATABASE {} TO drop_guard_eve",
            sandbox.db.name
        ))
        .await?;
    let url = sandbox.db.server().url("drop_guard_eve", &sandbox.db.name);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let eve = Session { client };
    eve.run("CREATE SCHEMA mine; CREATE TABLE mine.t (); DROP SCHEMA mine CASCADE")
        .await?;
    eve.run("CREATE SCHEMA mine; CREATE EXTENSION pgcrypto SCHEMA mine; DROP EXTENSION pgcrypto")
        .await?;
    eve.run("DROP SCHEMA IF EXISTS nobodys; DROP EXTENSION IF EXISTS nothing")
        .await?;
    // What is not hers stays so, told to or not.
    eve.run("SET x402.allow_ledger_drop = 'on'").await?;
    for sql in [
        "DROP EXTENSION insforge_integrations",
        "DROP SCHEMA public CASCADE",
    ] {
        assert_eq!(eve.refusal(sql).await?.code, "42501", "{sql}");
    }
    assert_eq!(sandbox.one("SELECT count(*) FROM x402_payments").await?, "1");
    Ok(())
}

#[tokio::test]
async fn an_administrator_drops_other_schemas_and_extensions_while_the_ledger_has_rows() -> Result<()> {
    let sandbox = with_a_payment().await?;
    sandbox
        .run(
            "CREATE SCHEMA other; CREATE TABLE other.x402_payments AS SELECT 1 AS id; DROP SCHEMA other CASCADE;
             CREATE EXTENSION pgcrypto; DROP EXTENSION pgcrypto; DROP SCHEMA realtime CASCADE",
        )
        .await?;
    sandbox
        .run("INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xAb', '/x', '1', '0x2')")
        .await
}
