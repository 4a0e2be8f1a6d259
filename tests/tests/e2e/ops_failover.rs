//! A promoted standby is followed without anybody doing anything.

use std::time::Duration;

use anyhow::Result;
use insforge_tests::cluster::{Cluster, Database, Options, Standby, Template};
use insforge_tests::ledger::Watch;
use insforge_tests::sidecar::Plan;
use insforge_tests::standin::StandIn;

use crate::scene::{SOON, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_followed_and_a_payment_from_before_is_known_there() -> Result<()> {
    let cluster = Cluster::start(&Options::default())?;
    let database = Database::create_in(cluster.clone(), Template::Extension).await?;
    let name = database.name.clone();
    let standby = Standby::of(&cluster.server).await?;
    let mut scene = Scene {
        watch: Watch::payments(&database.url()).await?,
        database,
        standin: StandIn::start().await?,
    };
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", cluster.server.port, standby.port);
    let url = format!("postgres://sidecar@{hosts}/{name}?sslmode=disable&target_session_attrs=read-write");
    let plan = Plan::settling(&url, &scene.standin)?.set("INSFORGE_SIDECAR_DATABASE_CONNECT_TIMEOUT", "1s");
    // The shared limit is an unlogged table: on the new primary it starts empty.
    let plan = plan.set("INSFORGE_SIDECAR_OKX_REQUESTS_PER_SECOND", "100");
    let sidecar = plan.start().await?;
    let (before, before_id) = scene.pay().await?;
    scene.settled(&before, before_id).await?;
    standby.caught_up(&scene.database.client().await?).await?;

    tokio::task::block_in_place(|| cluster.server.crash())?;
    sidecar.unready(SOON).await?;
    standby.promote().await?;
    sidecar.ready(Duration::from_secs(30)).await?;

    scene.watch = Watch::payments(&standby.url(&name)).await?;
    let (after, after_id) = scene.pay().await?;
    scene.settled(&after, after_id).await?;
    assert_eq!(
        scene.submit(&before).await?,
        before_id,
        "the same payment is the same row there"
    );
    assert_eq!(scene.standin.chain().transfers().len(), 2);
    assert!(sidecar.process().ended()?.is_none(), "the same process all along");
    Ok(())
}
