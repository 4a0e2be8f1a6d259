//! The request limit holds for all sidecars of a database together.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use insforge_tests::standin::{Call, Fault, Rule, Say};

use crate::scene::{SOON, Scene};

/// When requests of ours were sent to OKX, in that order; it may have read some of them later.
fn requests(calls: &[Call]) -> Result<Vec<SystemTime>> {
    let sent = |call: &Call| call.signed_at.context("a request without its time");
    let mut sent: Vec<_> = calls.iter().map(sent).collect::<Result<_>>()?;
    sent.sort_unstable();
    Ok(sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_sidecars_together_keep_to_one_rate() -> Result<()> {
    let mut scene = Scene::new().await?;
    let plan = || {
        let plan = scene.plan()?.set("INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", "5");
        anyhow::Ok(plan.set("INSFORGE_SIDECAR_OKX_BURST", "3"))
    };
    let _sidecars = [
        plan()?.start().await?,
        plan()?.start().await?,
        plan()?.start().await?,
    ];
    let mut paid = Vec::new();
    for _ in 0..15 {
        paid.push(scene.pay().await?);
    }
    for (signed, id) in &paid {
        scene.settled(signed, *id).await?;
    }
    let at = requests(&scene.standin.calls().all())?;
    assert!(
        at.len() >= 18,
        "15 payments, and each asked once what is supported"
    );
    for (first, start) in at.iter().enumerate() {
        for (last, end) in at.iter().enumerate().skip(first) {
            let allowed = 3.0 + 5.0 * end.duration_since(*start)?.as_secs_f64();
            // Requests taken up to a moment ago and sent now, one for each sidecar, may come on top.
            let seen = last - first + 1;
            assert!(
                seen as f64 <= allowed + 3.0,
                "{seen} requests where {allowed:.1} are allowed"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_one_sidecar_is_asked_for_is_kept_by_all() -> Result<()> {
    let mut scene = Scene::new().await?;
    let plan = || {
        anyhow::Ok(
            scene
                .plan()?
                .set("INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", "100"),
        )
    };
    let _sidecars = [plan()?.start().await?, plan()?.start().await?];
    scene.standin.fault(Rule::once(
        "settle",
        Fault::before_effect(Say::RateLimited(Some(3))),
    ));
    let begun = SystemTime::now();
    let (first, first_id) = scene.pay().await?;
    let limited = |calls: &[Call]| {
        calls
            .iter()
            .any(|call| call.answer.as_deref().is_some_and(|said| said.contains("429")))
    };
    scene
        .standin
        .calls()
        .wait(SOON, "the rate limit", limited)
        .await?;
    // By now the one that was told has told the others: the row says so.
    let held = "SELECT count(*) FROM x402.rate_limits WHERE at > $1::timestamptz + interval '2 s'";
    let told = || async {
        let count: i64 = scene.watch.client().query_one(held, &[&begun]).await?.get(0);
        Ok((count == 1).then_some(()))
    };
    insforge_tests::wait::wait_until(SOON, "the bucket is held", told).await?;
    let mut paid = vec![(first, first_id)];
    for _ in 0..6 {
        paid.push(scene.pay().await?);
    }
    for (signed, id) in &paid {
        scene.settled(signed, *id).await?;
    }
    let at = requests(&scene.standin.calls().of("settle"))?;
    // A request that the other had been allowed just before may still go.
    let quiet = Duration::from_millis(500)..Duration::from_millis(2_900);
    let within = at
        .iter()
        .filter_map(|sent| sent.duration_since(at[0]).ok())
        .filter(|since| quiet.contains(since));
    assert_eq!(within.count(), 0, "requests during the pause");
    Ok(())
}
