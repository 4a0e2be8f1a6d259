//! The disk of the database is full.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use insforge_tests::cluster::{Cluster, Database, Options, SMALL_DISK, Template};
use insforge_tests::wait::wait_until;
use tokio_postgres::{Client, NoTls};

use crate::ops_support::metric;
use crate::phase::Phase;
use crate::stage::{LONG, Place};
use crate::table::row;

row! { ROW: "the disk is full" => full_at;
    A test a_disk_that_is_full_before_the_claim_delays_the_payment_and_makes_nobody_spin;
    B test a_disk_that_is_full_before_the_intent_delays_the_payment;
    C test a_disk_that_is_full_before_the_request_loses_no_answer;
    D test a_disk_that_is_full_during_the_call_loses_no_answer;
    E test a_disk_that_is_full_when_the_money_moved_loses_no_answer;
    F test a_disk_that_is_full_when_the_outcome_is_written_loses_nothing;
    G test a_disk_that_is_full_after_the_outcome_is_written_changes_nothing;
}

const MEGABYTES: u32 = 40;

/// What grows with each try, and so many tries that make a pace: a claim with its intent fails and is asked for again; one
/// without is given, and its intent fails.
const fn tries(phase: Phase) -> (&'static str, f64) {
    match phase {
        Phase::A => ("x402_wakeups_total{reason=\"retry\"}", 6.0),
        _ => ("x402_claims_total", 3.0),
    }
}

/// Every event takes a page of its own, so that the first one there is no room for is the next one.
const ROOMY_EVENTS: &str = "
    ALTER TABLE x402.events ALTER COLUMN evidence SET STORAGE PLAIN;
    CREATE FUNCTION public.pad_event() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN NEW.evidence := NEW.evidence || jsonb_build_object('padding', repeat('x', 5000)); RETURN NEW; END$$;
    CREATE TRIGGER pad_event BEFORE INSERT ON x402.events FOR EACH ROW EXECUTE FUNCTION public.pad_event();";

/// Fills what is left of the small disk. The rows are rolled back, their pages stay.
const FILL: &str = "INSERT INTO ballast SELECT repeat('x', 7000) FROM generate_series(1, 20000)";

/// A database on a disk of its own; `None` where the machine does not let us mount one.
async fn small_database() -> Result<Option<(Arc<Cluster>, Database, Client)>> {
    let options = Options {
        fsync: false,
        small_disk: Some(MEGABYTES),
        ..Options::default()
    };
    let Ok(cluster) = Cluster::start(&options) else {
        eprintln!("SKIPPED: a full disk needs root and the right to mount; this test proved nothing");
        return Ok(None);
    };
    let database = Database::create_in(cluster.clone(), Template::Extension).await?;
    let url = cluster.server.url("postgres", "postgres");
    let (keeper, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    for statement in [
        &format!("CREATE TABLESPACE small LOCATION '{SMALL_DISK}'"),
        &format!("ALTER DATABASE {} SET TABLESPACE small", database.name),
        // Its catalog is on the other disk, so that it can be emptied again.
        "CREATE TABLE ballast (filling text) TABLESPACE small",
        "ALTER TABLE ballast ALTER COLUMN filling SET STORAGE PLAIN",
    ] {
        keeper.batch_execute(statement).await?;
    }
    database.client().await?.batch_execute(ROOMY_EVENTS).await?;
    Ok(Some((cluster, database, keeper)))
}

async fn full_at(phase: Phase) -> Result<()> {
    let Some((_cluster, database, keeper)) = small_database().await? else {
        return Ok(());
    };
    let mut stage = Place::on(database).await?.at(phase).await?;
    let full = keeper.batch_execute(FILL).await.expect_err("the disk is small");
    let code = full.code().context("an answer of the server")?.code().to_owned();
    assert_eq!(code, "53100", "{full}");

    stage.release();
    if phase < Phase::G {
        stage.worker.log().wait_for(LONG, "53100").await?;
    }
    if phase < Phase::C {
        // In this order: a machine that stalls lengthens the pace and never shortens it.
        let began = Instant::now();
        let (series, enough) = tries(phase);
        let before = metric(&stage.worker, series).await?;
        let tried = || async { Ok((metric(&stage.worker, series).await? >= before + enough).then_some(())) };
        wait_until(LONG, "more tries", tried).await?;
        let pace = began.elapsed();
        assert!(
            pace >= Duration::from_millis(500),
            "{enough} tries within {pace:?}"
        );
    }
    // Not TRUNCATE, which makes new files before it removes the old ones.
    keeper.batch_execute("DROP TABLE ballast").await?;
    stage.ends_settled().await?;
    stage.goes_on().await
}
