//! What a scrape shows of the ledger is what the ledger holds.

use std::time::Duration;

use anyhow::Result;
use insforge_tests::wait::wait_until;

use crate::ops_support::metric;
use crate::scene::{SOON, Scene};

const READ_AGAIN: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread")]
async fn open_payments_and_the_age_of_the_oldest_are_those_of_the_ledger() -> Result<()> {
    let scene = Scene::new().await?;
    for _ in 0..3 {
        scene.pay().await?;
    }
    let age = "UPDATE x402.events SET at = at - interval '90 s'";
    let unguarded = format!("SET session_replication_role = replica; {age}; RESET session_replication_role");
    scene.watch.client().batch_execute(&unguarded).await?;
    let sidecar = scene.plan()?.set("INSFORGE_SIDECAR_SETTLER", "false").launch()?;
    let shown = || async {
        let pending = metric(&sidecar, "x402_open_payments{status=\"pending\"}").await?;
        Ok((pending == 3.0).then_some(()))
    };
    // A read that took too long is not tried again for a hundred seconds.
    wait_until(READ_AGAIN, "three pending payments", shown).await?;
    let oldest = metric(&sidecar, "x402_oldest_pending_seconds").await?;
    assert!((89.0..400.0).contains(&oldest), "{oldest}");
    assert_eq!(
        metric(&sidecar, "x402_open_payments{status=\"unknown\"}").await?,
        0.0
    );
    let read_ago = metric(&sidecar, "x402_ledger_figures_age_seconds").await?;
    assert!((0.0..15.0).contains(&read_ago), "{read_ago}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_and_outcomes_are_counted_as_the_events_tell() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sidecar = scene.sidecar().await?;
    for _ in 0..5 {
        let (signed, id) = scene.pay().await?;
        scene.settled(&signed, id).await?;
    }
    let counted = || async {
        let settled = metric(&sidecar, "x402_outcomes_recorded_total{status=\"settled\"}").await?;
        Ok((settled == 5.0).then_some(()))
    };
    wait_until(SOON, "five settled", counted).await?;
    let attempts = "SELECT count(*) FROM x402.events WHERE to_status = 'settling'";
    let attempts: i64 = scene.watch.client().query_one(attempts, &[]).await?.get(0);
    assert_eq!(
        metric(&sidecar, "x402_attempts_total{class=\"none\"}").await?,
        attempts as f64
    );
    Ok(())
}
