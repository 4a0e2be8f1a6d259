//! The server crashes and comes back.

use anyhow::Result;
use insforge_tests::cluster::{Cluster, Database, Options, Template};

use crate::phase::Phase;
use crate::stage::{LONG, Place};
use crate::table::row;

row! { ROW: "the server crashes and is started again" => restarted_at;
    A test a_server_that_restarts_before_the_claim_commits_delays_the_payment;
    B test a_server_that_restarts_before_the_intent_is_durable_delays_the_payment;
    C test a_server_that_restarts_when_the_intent_is_durable_loses_nothing;
    D test a_server_that_restarts_during_the_call_loses_no_answer;
    E test a_server_that_restarts_when_the_money_moved_loses_no_answer;
    F test a_server_that_restarts_before_the_outcome_is_written_loses_nothing;
    G test a_server_that_restarts_after_the_outcome_is_written_changes_nothing;
}

async fn restarted_at(phase: Phase) -> Result<()> {
    let options = Options {
        // A crash of the server alone: what it wrote, the kernel still has.
        fsync: false,
        ..Options::default()
    };
    let cluster = Cluster::start(&options)?;
    let database = Database::create_in(cluster.clone(), Template::Extension).await?;
    let mut stage = Place::on(database).await?.at(phase).await?;
    tokio::task::block_in_place(|| cluster.server.crash())?;
    stage.lose();
    stage.worker.unready(LONG).await?;
    tokio::task::block_in_place(|| cluster.server.resume())?;
    stage.watch_again().await?;
    stage.ends_settled().await?;
    stage.goes_on().await
}
