//! The primary dies and its standby is promoted.

use anyhow::Result;
use insforge_tests::cluster::{Cluster, Database, Options, Standby, Template};
use insforge_tests::ledger::Watch;

use crate::phase::Phase;
use crate::stage::{LONG, Place};
use crate::table::row;

row! { ROW: "the primary dies and its standby is promoted" => promoted_at;
    A test a_standby_promoted_before_the_claim_commits_settles_the_payment;
    B test a_standby_promoted_before_the_intent_is_durable_settles_the_payment;
    C test a_standby_promoted_when_the_intent_is_durable_settles_the_payment;
    D test a_standby_promoted_during_the_call_records_the_answer;
    E test a_standby_promoted_when_the_money_moved_records_the_answer;
    F test a_standby_promoted_before_the_outcome_is_written_has_it_written_there;
    G test a_standby_promoted_after_the_outcome_is_written_has_it;
}

/// The standby has what the primary had committed, as one that is waited for at commit would.
async fn promoted_at(phase: Phase) -> Result<()> {
    let options = Options {
        fsync: false,
        ..Options::default()
    };
    let cluster = Cluster::start(&options)?;
    let database = Database::create_in(cluster.clone(), Template::Extension).await?;
    let standby = Standby::of(&cluster.server).await?;
    let mut stage = Place::on(database).await?.or_host(standby.port).at(phase).await?;
    standby.caught_up(stage.place.scene.watch.client()).await?;
    tokio::task::block_in_place(|| cluster.server.crash())?;
    stage.lose();
    stage.worker.unready(LONG).await?;
    standby.promote().await?;
    let url = standby.url(&stage.place.scene.database.name);
    stage.place.scene.watch = Watch::payments(&url).await?;
    stage.ends_settled().await?;
    stage.goes_on().await
}
