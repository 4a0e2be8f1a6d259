//! `kill -9`: another worker takes over within the lease.

use anyhow::Result;
use insforge_tests::standin::Call;

use crate::phase::Phase;
use crate::stage::{LONG, Stage};
use crate::table::row;

row! { ROW: "`kill -9` of the worker" => killed_at;
    A test a_worker_killed_before_its_claim_commits_is_followed;
    B test a_worker_killed_before_its_intent_is_durable_is_followed;
    C test a_worker_killed_before_its_request_goes_out_is_followed;
    D test a_worker_killed_in_a_call_that_moved_nothing_yet_is_followed_and_its_late_call_moves_nothing_more;
    E test a_worker_killed_before_it_reads_that_the_money_moved_is_followed;
    F test a_worker_killed_before_it_writes_that_the_money_moved_is_followed;
    G test a_worker_killed_right_after_writing_leaves_nothing_to_do;
}

async fn killed_at(phase: Phase) -> Result<()> {
    let mut stage = Stage::at(phase).await?;
    stage.worker.process().kill()?;
    match phase {
        // What it had sent to the database arrives after its death.
        Phase::A | Phase::B => stage.place.proxy.release(),
        Phase::D => {}
        _ => stage.lose(),
    }
    let _other = stage.other().await?;
    stage.ends_settled().await?;
    if phase == Phase::D {
        stage.answer();
        let answered = |calls: &[Call]| calls.iter().all(|call| call.answer.is_some());
        let calls = stage.place.scene.standin.calls();
        calls
            .wait(LONG, "the answer to the dead worker's call", answered)
            .await?;
        stage.ends_settled().await?;
    }
    Ok(())
}
