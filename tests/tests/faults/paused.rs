//! A worker that stands still for longer than its lease (SIGSTOP, a frozen virtual machine) and goes on: others
//! have done its work, and what it still writes is discarded and counted.

use anyhow::Result;
use insforge_tests::process::Signal;
use insforge_tests::wait::wait_until;

use crate::ops_support::metric;
use crate::phase::Phase;
use crate::stage::{LONG, Stage};
use crate::table::row;

row! { ROW: "worker paused (SIGSTOP) past its lease, then resumed" => paused_at;
    A word "nothing is held yet: the worker is merely late";
    B test a_paused_worker_that_lost_its_claim_commits_no_intent;
    C test a_paused_worker_whose_intent_another_took_over_sends_nothing;
    D test a_paused_workers_call_that_another_repeated_changes_nothing;
    E test what_a_paused_worker_reads_after_another_settled_is_discarded;
    F test what_a_paused_worker_writes_after_another_settled_is_discarded;
    G test a_worker_paused_right_after_writing_finds_its_outcome_recorded;
}

async fn paused_at(phase: Phase) -> Result<()> {
    let mut stage = Stage::at(phase).await?;
    stage.worker.process().signal(Signal::STOP)?;
    let other = stage.other().await?;
    stage.ends_settled().await?;
    let calls = stage.calls();

    stage.worker.process().signal(Signal::CONT)?;
    stage.release();
    let discarded = match phase {
        Phase::B => "x402_leases_lost_total",
        Phase::G => "x402_outcomes_recorded_total{status=\"settled\"}",
        _ => "x402_outcomes_stale_total",
    };
    let counted = || async { Ok((metric(&stage.worker, discarded).await? >= 1.0).then_some(())) };
    wait_until(LONG, "the late write is counted", counted).await?;
    assert_eq!(
        stage.calls(),
        calls,
        "the call that could still be stopped was stopped"
    );
    drop(other);
    stage.ends_settled().await?;
    stage.goes_on().await
}
