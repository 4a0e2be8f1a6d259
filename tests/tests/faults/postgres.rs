//! Postgres hangs up on a worker, does not let it write, or does not let it in.

use anyhow::Result;

use crate::phase::Phase;
use crate::stage::{LONG, Stage};
use crate::table::row;

row! { TERMINATED: "`pg_terminate_backend`" => terminated_at;
    A test a_worker_whose_claim_is_cut_off_claims_again;
    B test a_worker_whose_intent_is_cut_off_writes_it_again_before_it_sends;
    C test a_worker_that_does_not_hear_that_its_intent_is_durable_begins_anew;
    D test a_worker_cut_off_from_the_database_during_a_call_records_the_answer;
    E test a_worker_cut_off_from_the_database_before_it_reads_the_answer_records_it;
    F test a_worker_whose_outcome_is_cut_off_writes_it_again;
    G test a_worker_that_does_not_hear_that_its_outcome_is_written_finds_it_recorded;
}

row! { READ_ONLY: "the database becomes read-only" => read_only_at;
    A test a_database_that_is_read_only_before_the_claim_delays_the_payment;
    B test a_database_that_is_read_only_before_the_intent_delays_the_payment;
    C test a_database_that_is_read_only_before_the_request_delays_the_payment;
    D test a_database_that_is_read_only_during_the_call_loses_no_answer;
    E test a_database_that_is_read_only_when_the_money_moved_loses_no_answer;
    F test a_database_that_is_read_only_when_the_outcome_is_written_loses_nothing;
    G test a_database_that_is_read_only_after_the_outcome_is_written_changes_nothing;
}

row! { TOO_MANY: "too many connections" => too_many_at;
    A test a_database_that_is_full_of_connections_before_the_claim_delays_the_payment;
    B test a_database_that_is_full_of_connections_before_the_intent_delays_the_payment;
    C test a_database_that_is_full_of_connections_before_the_request_delays_the_payment;
    D test a_database_that_is_full_of_connections_during_the_call_loses_no_answer;
    E test a_database_that_is_full_of_connections_when_the_money_moved_loses_no_answer;
    F test a_database_that_is_full_of_connections_when_the_outcome_is_written_loses_nothing;
    G test a_database_that_is_full_of_connections_after_the_outcome_is_written_changes_nothing;
}

const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'sidecar'";

async fn terminated_at(phase: Phase) -> Result<()> {
    let mut stage = Stage::at(phase).await?;
    stage.sql(TERMINATE).await?;
    stage.lose();
    stage.ends_settled().await?;
    stage.goes_on().await
}

async fn read_only_at(phase: Phase) -> Result<()> {
    let during = "SET default_transaction_read_only = on";
    unusable_at(phase, during, "RESET default_transaction_read_only").await
}

async fn too_many_at(phase: Phase) -> Result<()> {
    unusable_at(phase, "CONNECTION LIMIT 0", "CONNECTION LIMIT -1").await
}

/// The database is altered so that the worker cannot use it any more, and back once it has noticed.
async fn unusable_at(phase: Phase, during: &str, after: &str) -> Result<()> {
    let mut stage = Stage::at(phase).await?;
    let name = stage.place.scene.database.name.clone();
    stage.sql(&format!("ALTER DATABASE {name} {during}")).await?;
    stage.sql(TERMINATE).await?;
    stage.lose();
    stage.worker.unready(LONG).await?;
    stage.sql(&format!("ALTER DATABASE {name} {after}")).await?;
    stage.ends_settled().await?;
    stage.goes_on().await
}
