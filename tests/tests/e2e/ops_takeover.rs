//! A worker that is killed in a call is followed by another, soon.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use insforge_tests::sidecar::Plan;
use insforge_tests::standin::{Fault, Rule};

use crate::scene::{SOON, Scene};

/// Kills the worker that holds a payment in its call; how long it takes until another has it.
async fn takeover(profile: impl Fn(Plan) -> Plan) -> Result<Duration> {
    let mut scene = Scene::new().await?;
    let worker = |name: &str| anyhow::Ok(profile(scene.plan()?).set("INSFORGE_SIDECAR_WORKER", name));
    let (one, other) = (worker("one")?.start().await?, worker("other")?.start().await?);
    let held = Fault {
        gate_before: Some("never".to_owned()),
        ..Fault::default()
    };
    scene.standin.fault(Rule::once("settle", held));
    let (signed, id) = scene.pay().await?;
    let called = |calls: &[insforge_tests::standin::Call]| calls.iter().any(|call| call.target == "settle");
    scene.standin.calls().wait(SOON, "the call", called).await?;
    let holder = "SELECT leased_by FROM x402.queue WHERE payment_id = $1";
    let holder: String = scene.watch.client().query_one(holder, &[&id]).await?.get(0);
    let killed = Instant::now();
    match holder.as_str() {
        "one" => one.process().kill()?,
        _ => other.process().kill()?,
    }
    scene
        .watch
        .status(id, &["unknown", "settled"], SOON)
        .await
        .context("nobody took it over")?;
    let taken = killed.elapsed();
    eprintln!("another worker had the payment {taken:?} after the kill");
    scene.settled(&signed, id).await?;
    Ok(taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_another_worker_has_the_payment_within_ten_seconds() -> Result<()> {
    let taken = takeover(|plan| plan).await?;
    assert!(taken <= Duration::from_secs(10), "{taken:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_short_leases_another_worker_has_the_payment_within_two_seconds() -> Result<()> {
    let short = |plan: Plan| {
        let plan = plan.set("INSFORGE_SIDECAR_LEASE", "1s");
        plan.set("INSFORGE_SIDECAR_POLL_INTERVAL", "500ms")
    };
    let taken = takeover(short).await?;
    assert!(taken <= Duration::from_secs(2), "{taken:?}");
    Ok(())
}
