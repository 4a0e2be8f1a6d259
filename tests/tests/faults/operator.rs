//! What an operator does while a worker is on a payment is refused or applied as a whole, and written down.

use anyhow::{Context, Result};
use insforge_tests::ledger;
use insforge_tests::standin::chain::Action;
use insforge_tests::standin::{Fault, Rule, Say};
use insforge_tests::wait::wait_until;

use crate::ops_support::metric;
use crate::phase::Phase;
use crate::stage::{LONG, Place, Stage};
use crate::table::row;

row! { CANCEL: "`x402.cancel()`" => cancelled_at;
    A test a_payment_cancelled_before_its_claim_is_never_sent;
    B test a_payment_cancelled_before_its_intent_is_never_sent;
    C test a_payment_whose_intent_is_durable_cannot_be_cancelled;
    D test a_payment_in_a_call_cannot_be_cancelled;
    E test a_payment_that_was_made_cannot_be_cancelled;
    F test a_payment_whose_outcome_is_known_cannot_be_cancelled;
    G test a_payment_whose_outcome_is_written_cannot_be_cancelled;
}

row! { RETRY: "`x402.retry()`" => retried_at;
    A test a_payment_retried_before_its_claim_is_sent_once;
    B test a_payment_retried_before_its_intent_is_sent_once;
    C test a_payment_whose_intent_is_durable_cannot_be_retried;
    D test a_payment_in_a_call_cannot_be_retried;
    E test a_payment_that_was_made_cannot_be_retried;
    F test a_payment_whose_outcome_is_known_cannot_be_retried;
    G test a_payment_whose_outcome_is_written_cannot_be_retried;
}

row! { REQUEUE: "`x402.retry()` of a payment in review" => |_| requeued();
    A test a_payment_sent_back_from_review_is_settled_by_its_evidence;
    B word "no worker holds a payment in review";
    C word "same as B";
    D word "same as B";
    E word "same as B";
    F word "same as B";
    G word "same as B";
}

row! { DROP: "`DROP EXTENSION`" => dropped_at;
    A test the_ledger_cannot_be_dropped_before_a_claim_commits;
    B test the_ledger_cannot_be_dropped_before_an_intent_is_durable;
    C test the_ledger_cannot_be_dropped_when_an_intent_is_durable;
    D test the_ledger_cannot_be_dropped_during_a_call;
    E test the_ledger_cannot_be_dropped_when_money_moved;
    F test the_ledger_cannot_be_dropped_before_an_outcome_is_written;
    G test the_ledger_cannot_be_dropped_after_an_outcome_is_written;
}

row! { DROP_FOR_GOOD: "`DROP EXTENSION` with `x402.allow_ledger_drop`, then `CREATE EXTENSION`" => |_| dropped_for_good();
    A test a_worker_outlives_the_extension_and_settles_what_comes_after_it;
    B word "same as A: the rows are gone, and the operator was told";
    C word "same as A";
    D word "same as A";
    E word "same as A";
    F word "same as A";
    G word "same as A";
}

row! { ALTER: "`ALTER EXTENSION … UPDATE`" => altered_at;
    A test the_extension_can_be_updated_before_a_claim_commits;
    B test the_extension_can_be_updated_before_an_intent_is_durable;
    C test the_extension_can_be_updated_when_an_intent_is_durable;
    D test the_extension_can_be_updated_during_a_call;
    E test the_extension_can_be_updated_when_money_moved;
    F test the_extension_can_be_updated_before_an_outcome_is_written;
    G test the_extension_can_be_updated_after_an_outcome_is_written;
}

/// No lease runs out while the operator types.
async fn at(phase: Phase) -> Result<Stage> {
    Place::new()
        .await?
        .set("INSFORGE_SIDECAR_LEASE", "60s")
        .at(phase)
        .await
}

/// Decides about the payment; the SQLSTATE where that is refused.
async fn decide(stage: &Stage, function: &str) -> Result<Result<String, String>> {
    let sql = format!("SELECT x402.{function}($1, 'order withdrawn', 'ann')");
    let decided = stage
        .place
        .scene
        .watch
        .client()
        .query_one(&sql, &[&stage.id])
        .await;
    match decided {
        Ok(row) => Ok(Ok(row.get(0))),
        Err(error) => {
            let code = error.code().context("an answer of the database")?;
            Ok(Err(code.code().to_owned()))
        }
    }
}

/// How often the operator's decision is in the payment's history, with who and why.
async fn audited(stage: &Stage, action: &str) -> Result<usize> {
    let events = ledger::events(stage.place.scene.watch.client(), stage.id).await?;
    let by_ann = events.iter().filter(|event| {
        let said = |name: &str| event.evidence[name].as_str();
        said("action") == Some(action)
            && said("reason") == Some("order withdrawn")
            && said("on_behalf_of") == Some("ann")
    });
    Ok(by_ann.count())
}

const REFUSED: &str = "X4207";

async fn cancelled_at(phase: Phase) -> Result<()> {
    let mut stage = at(phase).await?;
    let decided = decide(&stage, "cancel").await?;
    stage.release();
    if phase > Phase::B {
        assert_eq!(decided, Err(REFUSED.to_owned()));
        stage.ends_settled().await?;
        assert_eq!(audited(&stage, "cancelled_by_operator").await?, 0);
        return stage.goes_on().await;
    }
    assert_eq!(decided.as_deref(), Ok("failed"));
    if phase == Phase::B {
        let lost =
            || async { Ok((metric(&stage.worker, "x402_leases_lost_total").await? >= 1.0).then_some(())) };
        wait_until(LONG, "the worker finds the payment gone", lost).await?;
    }
    stage.goes_on().await?;
    let row = ledger::row(stage.place.scene.watch.client(), stage.id).await?;
    assert_eq!(
        (row.status.as_str(), stage.calls(), stage.transfers()),
        ("failed", 0, 0)
    );
    assert_eq!(audited(&stage, "cancelled_by_operator").await?, 1);
    stage.nothing_waits().await
}

async fn retried_at(phase: Phase) -> Result<()> {
    let mut stage = at(phase).await?;
    let decided = decide(&stage, "retry").await?;
    stage.release();
    stage.ends_settled().await?;
    assert_eq!(stage.calls(), 1);
    if phase > Phase::B {
        assert_eq!(decided, Err(REFUSED.to_owned()));
        assert_eq!(audited(&stage, "retry").await?, 0);
    } else {
        assert_eq!(decided.as_deref(), Ok("pending"));
        assert_eq!(audited(&stage, "retry").await?, 1);
    }
    stage.goes_on().await
}

/// Written off, paid late by a stranger, found by the scan, sent back by a person.
async fn requeued() -> Result<()> {
    let place = Place::new().await?.set("INSFORGE_SIDECAR_SCAN_INTERVAL", "200ms");
    let lost = Fault::before_effect(Say::Reset);
    place.scene.standin.fault(Rule::always("settle", lost.clone()));
    let mut stage = place.fault(lost).at(Phase::D).await?;
    stage.answer();
    stage.status(&["unknown"]).await?;
    // A worker may be on it again; then the decision is refused, and made again.
    let written_off = || async { Ok(decide(&stage, "write_off").await?.ok()) };
    wait_until(LONG, "the payment is written off", written_off).await?;
    {
        let mut chain = stage.place.scene.standin.chain();
        let token = stage.signed.offer.domain.verifying_contract;
        let uses = Action::UseAuthorization(token, stage.signed.auth);
        let hash = chain.send(stage.signed.auth.from, vec![uses]);
        chain.include(hash);
    }
    stage.status(&["review"]).await?;
    stage.place.scene.standin.clear_faults();
    assert_eq!(decide(&stage, "retry").await?.as_deref(), Ok("unknown"));
    stage.ends_settled().await?;
    assert_eq!(
        (
            audited(&stage, "written_off").await?,
            audited(&stage, "retry").await?
        ),
        (1, 1)
    );
    Ok(())
}

async fn dropped_at(phase: Phase) -> Result<()> {
    let mut stage = at(phase).await?;
    let refused = stage.sql("DROP EXTENSION insforge_integrations CASCADE").await;
    let why = format!("{:?}", refused.expect_err("the ledger has rows"));
    assert!(why.contains("allow_ledger_drop"), "{why}");
    stage.release();
    stage.ends_settled().await?;
    stage.goes_on().await
}

async fn dropped_for_good() -> Result<()> {
    let mut stage = at(Phase::A).await?;
    stage
        .sql("SET x402.allow_ledger_drop = 'on'; DROP EXTENSION insforge_integrations CASCADE")
        .await?;
    stage.release();
    stage.worker.unready(LONG).await?;
    stage
        .worker
        .log()
        .wait_for(LONG, "run CREATE EXTENSION insforge_integrations")
        .await?;
    stage
        .sql("CREATE EXTENSION insforge_integrations; SELECT insforge.grant_sidecar('sidecar')")
        .await?;
    stage.goes_on().await?;
    assert_eq!(
        (stage.calls(), stage.transfers()),
        (0, 0),
        "what was dropped is not sent"
    );
    Ok(())
}

async fn altered_at(phase: Phase) -> Result<()> {
    let mut stage = at(phase).await?;
    stage.sql("ALTER EXTENSION insforge_integrations UPDATE").await?;
    stage.release();
    stage.ends_settled().await?;
    assert_eq!(stage.calls(), 1);
    stage.goes_on().await
}
