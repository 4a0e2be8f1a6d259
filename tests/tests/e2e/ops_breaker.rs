//! A facilitator that breaks is left alone, and tried again with one payment at a time.

use std::time::Duration;

use anyhow::Result;
use insforge_tests::standin::{Fault, Rule, Say};
use insforge_tests::wait::wait_until;

use crate::ops_support::metric;
use crate::scene::{SOON, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_shut_the_breaker_payments_wait_and_all_are_settled_when_it_is_over() -> Result<()> {
    let mut scene = Scene::new().await?;
    let broken = |target| Rule::always(target, Fault::before_effect(Say::Status(502)));
    let sidecar = scene
        .plan()?
        .set("INSFORGE_SIDECAR_CONCURRENCY", "2")
        .start()
        .await?;
    scene.standin.fault(broken("settle"));
    scene.standin.fault(broken("supported"));
    let mut paid = Vec::new();
    for _ in 0..30 {
        paid.push(scene.pay().await?);
    }
    sidecar.unready(SOON).await?;
    let shut = || async {
        let shut = metric(&sidecar, "x402_breaker_state{state=\"shut\"}").await?;
        Ok((shut == 1.0).then_some(()))
    };
    wait_until(SOON, "the breaker is shut", shut).await?;
    let count = "SELECT count(*) FROM x402_payments WHERE status = 'pending'";
    let waiting: i64 = scene.watch.client().query_one(count, &[]).await?.get(0);
    assert!(
        waiting >= 20,
        "{waiting} of 30 still wait instead of being unknown"
    );

    scene.standin.clear_faults();
    for (signed, id) in &paid {
        scene
            .watch
            .status(*id, &["settled"], Duration::from_secs(60))
            .await?;
        assert_eq!(scene.standin.chain().transfers_of(signed.nonce()).len(), 1);
    }
    sidecar.ready(SOON).await?;
    assert_eq!(metric(&sidecar, "x402_breaker_state{state=\"open\"}").await?, 1.0);
    Ok(())
}
