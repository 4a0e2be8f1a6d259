//! The network between a worker and its database.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use insforge_tests::proxy::Mode;

use crate::phase::Phase;
use crate::stage::{LONG, Place, Stage};
use crate::table::row;

row! { DEAF: "the listener's connection swallows everything" => |_| deaf();
    A test a_listener_that_hears_nothing_any_more_is_found_out_within_six_seconds_and_payments_go_on;
    B word "the listener is not needed any more";
    C word "same as B";
    D word "same as B";
    E word "same as B";
    F word "same as B";
    G word "same as B";
}

row! { PARTITION: "partition" => partitioned_at;
    A test a_worker_parted_from_the_database_before_its_claim_is_followed;
    B test a_worker_parted_from_the_database_before_its_intent_is_followed;
    C test a_worker_parted_from_the_database_when_its_intent_is_durable_is_followed;
    D test a_worker_parted_from_the_database_during_its_call_is_followed;
    E test a_worker_parted_from_the_database_when_the_money_moved_is_followed;
    F test a_worker_parted_from_the_database_before_it_writes_the_outcome_is_followed;
    G test a_worker_parted_from_the_database_after_it_wrote_the_outcome_leaves_nothing_to_do;
}

row! { LATENCY: "5 s latency" => late_at;
    A test a_claim_that_takes_five_seconds_delays_the_payment;
    B word "same as A";
    C word "same as F";
    D word "same as F";
    E word "same as F";
    F test an_outcome_that_takes_five_seconds_to_be_written_is_written_once;
    G word "same as F";
}

row! { HALF_CLOSED: "half-closed connections" => half_closed_at;
    A test a_claim_whose_answer_cannot_come_back_delays_the_payment_by_a_lease;
    B word "same as C of a partition";
    C word "same as C of a partition";
    D word "same as a partition";
    E word "same as a partition";
    F test an_outcome_whose_answer_cannot_come_back_is_found_recorded;
    G word "same as F";
}

/// With the default of two and a half seconds between pings. Three tries: a machine that stalls adds to the time.
async fn deaf() -> Result<()> {
    let mut found = Vec::new();
    for _ in 0..3 {
        let after = found_deaf_after().await?;
        found.push(after);
        if after <= Duration::from_secs(6) {
            return Ok(());
        }
    }
    bail!("the deaf listener was found after {found:?}")
}

async fn found_deaf_after() -> Result<Duration> {
    let place = Place::new().await?;
    let worker = place.worker()?.start().await?;
    place.proxy.set_for("sidecar listener", Mode::BlackHole);
    let began = Instant::now();
    let mut scene = place.scene;
    let (signed, id) = scene.pay().await?;
    worker.log().wait_for(LONG, "listener is down").await?;
    let found = began.elapsed();
    scene.watch.status(id, &["settled"], LONG).await?;
    scene.settled(&signed, id).await?;
    place.proxy.set_for("sidecar listener", Mode::Pass);
    worker.ready(LONG).await?;
    Ok(found)
}

/// The other worker is on the right side of the partition.
async fn partitioned_at(phase: Phase) -> Result<()> {
    let place = Place::new()
        .await?
        .set("INSFORGE_SIDECAR_DATABASE_QUERY_TIMEOUT", "4s");
    let mut stage = place.at(phase).await?;
    stage.place.proxy.set(Mode::BlackHole);
    stage.answer();
    let other = stage.other().await?;
    stage.worker.unready(LONG).await?;
    stage.ends_settled().await?;
    drop(other);
    stage.place.proxy.set(Mode::Pass);
    stage.release();
    stage.goes_on().await?;
    stage.ends_settled().await
}

/// Half of the latency in each direction.
async fn late_at(phase: Phase) -> Result<()> {
    let place = Place::new()
        .await?
        .set("INSFORGE_SIDECAR_DATABASE_QUERY_TIMEOUT", "10s");
    let mut stage = place.at(phase).await?;
    stage.place.proxy.set(Mode::Delay(Duration::from_millis(2_500)));
    stage.release();
    stage.worker.unready(LONG).await?;
    stage.place.proxy.set(Mode::Pass);
    stage.ends_settled().await?;
    stage.goes_on().await
}

async fn half_closed_at(phase: Phase) -> Result<()> {
    let mut stage = Stage::at(phase).await?;
    stage.place.proxy.half_close();
    stage.release();
    stage.ends_settled().await?;
    stage.goes_on().await
}
