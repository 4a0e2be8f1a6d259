//! A sidecar that cannot reach Postgres or OKX keeps running, says so once, and recovers.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::{Cluster, Database, Options, Template};
use insforge_tests::ledger::{self, Watch};
use insforge_tests::sidecar::Sidecar;
use insforge_tests::standin::StandIn;
use insforge_tests::wait::wait_until;

use crate::scene::{SOON, Scene};

/// The sidecar says so, and says it once. What it has said may be read later than what it shows.
async fn says_once(sidecar: &Sidecar, what: &str) -> Result<()> {
    sidecar.log().wait_for(SOON, what).await?;
    assert_eq!(sidecar.log().count(what), 1, "{}", sidecar.log().text());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facilitator_that_is_down_delays_payments_and_loses_none() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sidecar = scene.sidecar().await?;
    scene.standin.stop().await;
    let (first, first_id) = scene.pay().await?;
    let (second, second_id) = scene.pay().await?;
    sidecar.unready(SOON).await?;
    says_once(&sidecar, "facilitator is down").await?;
    for id in [first_id, second_id] {
        let status = ledger::row(scene.watch.client(), id).await?.status;
        assert!(
            ["pending", "settling"].contains(&status.as_str()),
            "certainly not sent, so not {status}"
        );
    }
    scene.standin.resume().await?;
    scene.settled(&first, first_id).await?;
    scene.settled(&second, second_id).await?;
    sidecar.ready(SOON).await?;
    says_once(&sidecar, "facilitator is back").await?;
    says_once(&sidecar, "facilitator is down").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_is_found_again() -> Result<()> {
    let cluster = Cluster::start(&Options::default())?;
    let database = Database::create_in(cluster.clone(), Template::Extension).await?;
    let mut scene = Scene::on(database).await?;
    let sidecar = scene.sidecar().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;

    tokio::task::block_in_place(|| cluster.server.crash())?;
    sidecar.unready(SOON).await?;
    assert!(sidecar.process().ended()?.is_none());
    tokio::task::block_in_place(|| cluster.server.resume())?;
    sidecar.ready(SOON).await?;
    says_once(&sidecar, "database is down").await?;

    scene.watch = Watch::payments(&scene.database.url()).await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_may_start_before_its_database() -> Result<()> {
    let cluster = Cluster::start(&Options::default())?;
    let database = Database::create_in(cluster.clone(), Template::Extension).await?;
    let standin = StandIn::start().await?;
    let plan = insforge_tests::sidecar::Plan::settling(&database.sidecar_url(), &standin)?;
    tokio::task::block_in_place(|| cluster.server.stop())?;
    let sidecar = plan.launch()?;
    sidecar.unready(SOON).await?;
    tokio::task::block_in_place(|| cluster.server.resume())?;
    sidecar.ready(SOON).await?;
    let mut scene = Scene {
        watch: Watch::payments(&database.url()).await?,
        database,
        standin,
    };
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_by_an_operator_are_replaced() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sidecar = scene.sidecar().await?;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND usename = 'sidecar'";
    scene.watch.client().execute(kill, &[]).await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    sidecar.ready(SOON).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_pauses_settling_instead_of_failing_payments() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sidecar = scene.plan()?.set("OKX_PASSPHRASE", "wrong").launch()?;
    let (signed, id) = scene.pay().await?;
    sidecar.unready(SOON).await?;
    let refused = |calls: &[insforge_tests::standin::Call]| {
        calls
            .iter()
            .any(|call| call.answer.as_deref() == Some("code 50105"))
    };
    scene
        .standin
        .calls()
        .wait(SOON, "a call with the wrong passphrase", refused)
        .await?;
    let open = || async {
        let status = ledger::row(scene.watch.client(), id).await?.status;
        Ok((status == "pending").then_some(()))
    };
    wait_until(SOON, "the payment waits", open).await?;
    drop(sidecar);
    let _sidecar = scene.sidecar().await?;
    scene.settled(&signed, id).await?;
    let other = Buyer::new().pay(&Offer::usdg());
    let other_id = scene.submit_as(&other, Form::V2).await?;
    scene.settled(&other, other_id).await?;
    Ok(())
}
