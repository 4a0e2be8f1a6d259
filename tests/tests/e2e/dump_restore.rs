//! A ledger survives `pg_dump` and restore, silently, and goes on working.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::{Database, Template};
use insforge_tests::ledger::{self, Watch};
use tokio_postgres::Client;

use crate::scene::{SOON, Scene};

/// Everything that a payment consists of, ordered, as text.
const TABLES: [(&str, &str); 4] = [
    ("x402_payments", "SELECT t::text FROM x402_payments t ORDER BY id"),
    (
        "x402.authorizations",
        "SELECT t::text FROM x402.authorizations t ORDER BY payment_id",
    ),
    (
        "x402.queue",
        "SELECT t::text FROM x402.queue t ORDER BY payment_id",
    ),
    ("x402.events", "SELECT t::text FROM x402.events t ORDER BY id"),
];

async fn contents(client: &Client) -> Result<Vec<(&'static str, Vec<String>)>> {
    let mut all = Vec::new();
    for (table, sql) in TABLES {
        let rows = client
            .query(sql, &[])
            .await
            .with_context(|| format!("reading {table}"))?;
        all.push((table, rows.iter().map(|row| row.get(0)).collect()));
    }
    Ok(all)
}

async fn messages(client: &Client) -> Result<i64> {
    Ok(client
        .query_one("SELECT count(*) FROM realtime.messages", &[])
        .await?
        .get(0))
}

pub(crate) fn copy(from: &Database, to: &Database) -> Result<()> {
    let programs = &from.server().installation;
    let dump = Command::new(programs.program("pg_dump"))
        .arg(from.url())
        .env_clear()
        .output()?;
    ensure!(
        dump.status.success(),
        "pg_dump: {}",
        String::from_utf8_lossy(&dump.stderr)
    );
    let file = std::env::temp_dir().join(format!("insforge-dump-{}.sql", uuid::Uuid::new_v4()));
    std::fs::write(&file, &dump.stdout)?;
    let mut psql = Command::new(programs.program("psql"));
    psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file"])
        .arg(&file)
        .arg(to.url());
    let restored = psql.env_clear().output();
    std::fs::remove_file(&file)?;
    let restored = restored?;
    ensure!(
        restored.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&restored.stderr)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_ledger_equals_the_dumped_one_and_publishes_nothing() -> Result<()> {
    let mut old = Scene::on(Database::create(Template::InsForgeExtension).await?).await?;
    let sidecar = old.sidecar().await?;
    let (settled, id) = old.pay().await?;
    old.settled(&settled, id).await?;
    let stopped = sidecar.stop(SOON).await?;
    ensure!(stopped.success(), "{stopped}");
    let (waiting, waiting_id) = old.pay().await?;

    let new = Database::create(Template::Empty).await?;
    let mut doorbell = Watch::channel(&new.url(), "x402_pending").await?;
    let mut changes = Watch::payments(&new.url()).await?;
    copy(&old.database, &new)?;
    let client = new.client().await?;
    assert_eq!(contents(&client).await?, contents(old.watch.client()).await?);
    assert_eq!(changes.heard().await?, Vec::<String>::new());
    assert_eq!(doorbell.heard().await?, Vec::<String>::new());
    let (published, copied) = (messages(old.watch.client()).await?, messages(&client).await?);
    assert_eq!(copied, published, "the restored messages and not one more");

    // The restored copy works on: what waited, and what comes now.
    let mut scene = Scene {
        database: new,
        standin: old.standin,
        watch: changes,
    };
    let _sidecar = scene.sidecar().await?;
    scene.settled(&waiting, waiting_id).await?;
    let fresh = Buyer::new().pay(&Offer::usdg());
    let fresh_id = scene.submit(&fresh).await?;
    scene.settled(&fresh, fresh_id).await?;
    let (payment, requirements) = (settled.payment(Form::V2), settled.requirements(Form::V2));
    let again = ledger::submit(&client, &payment, &requirements, &settled.offer.resource).await?;
    assert_eq!(
        again, id,
        "a payment from before the restore is still the same payment"
    );
    Ok(())
}
