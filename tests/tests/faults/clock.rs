//! Workers whose clocks are wrong: only the database's time decides about leases and validity.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};
use insforge_tests::wait::wait_until;

use crate::ops_support::metric;
use crate::phase::Phase;
use crate::stage::{LONG, Place};
use crate::table::row;

row! { AHEAD: "the worker's clock is 10 minutes ahead, another's 10 minutes behind" => |phase| wrong_at(phase, 600);
    A test a_worker_ten_minutes_ahead_claims_what_is_due_by_the_databases_clock;
    B test a_claim_of_a_worker_ten_minutes_ahead_is_not_taken_from_it;
    C test an_intent_of_a_worker_ten_minutes_ahead_is_not_taken_from_it;
    D test a_call_of_a_worker_ten_minutes_ahead_is_not_taken_from_it;
    E test an_answer_to_a_worker_ten_minutes_ahead_is_its_own_to_read;
    F test an_outcome_of_a_worker_ten_minutes_ahead_is_its_own_to_write;
    G test a_worker_ten_minutes_ahead_leaves_nothing_to_do_when_it_has_written;
}

row! { BEHIND: "the worker's clock is 10 minutes behind, another's 10 minutes ahead" => |phase| wrong_at(phase, -600);
    A test a_worker_ten_minutes_behind_claims_what_is_due_by_the_databases_clock;
    B test a_claim_of_a_worker_ten_minutes_behind_is_not_taken_from_it;
    C test an_intent_of_a_worker_ten_minutes_behind_is_not_taken_from_it;
    D test a_call_of_a_worker_ten_minutes_behind_is_not_taken_from_it;
    E test an_answer_to_a_worker_ten_minutes_behind_is_its_own_to_read;
    F test an_outcome_of_a_worker_ten_minutes_behind_is_its_own_to_write;
    G test a_worker_ten_minutes_behind_leaves_nothing_to_do_when_it_has_written;
}

/// A library that shifts a process's wall clock, and nothing else; built once.
fn skew() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.as_deref().map_err(|error| anyhow!(error.clone()))
}

fn build() -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/skew.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skew.so");
    let mut compile = Command::new("cc");
    compile
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source);
    let output = compile
        .output()
        .context("`cc` not run; every Rust toolchain links with it")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(library)
}

/// Both workers are wrong, in opposite directions. The payment stays in its phase for more than a lease, and
/// nobody takes it away.
async fn wrong_at(phase: Phase, seconds: i32) -> Result<()> {
    let preload = skew()?.display().to_string();
    let place = Place::new()
        .await?
        .set("LD_PRELOAD", &preload)
        .set("INSFORGE_SIDECAR_LEASE", "8s");
    // Whoever does not know what it has claimed prolongs nothing.
    let place = if phase == Phase::C {
        place.judged_by_workers()
    } else {
        place
    };
    let worker = place.worker()?.set("CLOCK_SKEW_SECONDS", &seconds.to_string());
    let worker = worker.start().await?;
    let mut stage = place.at_with(phase, worker).await?;
    let other = stage
        .place
        .other()?
        .set("CLOCK_SKEW_SECONDS", &(-seconds).to_string());
    let other = other.start().await?;
    if (Phase::B..Phase::G).contains(&phase) {
        let lease = "SELECT leased_by, leased_until > at + interval '16 seconds'
            FROM x402.queue, LATERAL (SELECT max(at) AS at FROM x402.events) AS last WHERE payment_id = $1";
        let kept = || async {
            let row = stage
                .place
                .scene
                .watch
                .client()
                .query_one(lease, &[&stage.id])
                .await?;
            let by: Option<String> = row.get(0);
            assert_eq!(by.as_deref(), Some("one"));
            Ok(row.get::<_, bool>(1).then_some(()))
        };
        wait_until(LONG, "the lease is prolonged beyond its first length", kept).await?;
    }
    if phase > Phase::A {
        stage.release();
        stage.ends_settled().await?;
        assert_eq!(stage.calls(), 1, "one worker has sent it");
    } else {
        // Stopped before its claim, it holds nothing: the other one may take it.
        stage.ends_settled().await?;
        stage.release();
    }
    drop(other);
    stage.goes_on().await?;
    let offset = metric(&stage.worker, "x402_facilitator_clock_offset_milliseconds").await?;
    assert!(
        (offset / 1000.0 + f64::from(seconds)).abs() < 60.0,
        "its clock was found wrong: {offset}"
    );
    Ok(())
}
