//! Every lost answer ends settled by one transfer: not most of them, all.

use anyhow::Result;
use insforge_tests::ledger;
use insforge_tests::sidecar::Plan;
use insforge_tests::standin::{Answer, Fault, HashForm, Rule, Say};

use crate::scene::Scene;
use crate::stage::{LONG, Place};

const PAYMENTS: u32 = 20;

fn success(status: &str, hash: HashForm) -> Say {
    Say::Success(Answer {
        status: status.to_owned(),
        hash,
    })
}

/// A transaction that is named at once and mined a little later.
fn mined_later() -> Fault {
    Fault {
        include_after_ms: Some(500),
        ..Fault::sent(success("pending", HashForm::Real))
    }
}

/// The first call of each payment goes wrong in the same way.
async fn all_end_settled(scene: &mut Scene, worker: Plan, fault: Fault) -> Result<()> {
    // Where nothing but silence is to be waited for, a slow machine is given time to answer.
    let patience = if fault.say == Say::Silence { "1s" } else { "20s" };
    let worker = worker.set("INSFORGE_SIDECAR_OKX_TIMEOUT", patience);
    // Twenty signatures are judged with one claim, whose lease began before.
    let worker = worker.set("INSFORGE_SIDECAR_LEASE", "10s");
    scene.standin.fault(Rule {
        times: Some(PAYMENTS),
        ..Rule::always("settle", fault)
    });
    let mut paid = Vec::new();
    for _ in 0..PAYMENTS {
        paid.push(scene.pay().await?);
    }
    let worker = worker.start().await?;
    for (signed, id) in &paid {
        scene.watch.status(*id, &["settled"], LONG).await?;
        let transfers = scene.standin.chain().transfers_of(signed.nonce());
        assert_eq!(transfers.len(), 1, "one authorization, one transfer");
        let row = ledger::row(scene.watch.client(), *id).await?;
        assert_eq!(row.tx_hash, Some(format!("{:#x}", transfers[0].tx)));
        let path = scene.path(*id).await?;
        let open = ["unknown", "submitted"].contains(&path[2].as_str());
        assert!(
            open,
            "the first answer proved nothing: {path:?}\n{}",
            worker.log().text()
        );
    }
    let waiting = "SELECT count(*) FROM x402.queue";
    let waiting: i64 = scene.watch.client().query_one(waiting, &[]).await?.get(0);
    assert_eq!(
        (waiting, scene.standin.chain().transfers().len()),
        (0, paid.len())
    );
    Ok(())
}

async fn all_end_settled_by_the_chain(fault: Fault) -> Result<()> {
    let place = Place::new().await?;
    let worker = place.other()?;
    let mut scene = place.scene;
    all_end_settled(&mut scene, worker, fault).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_of_twenty_payments_that_time_out_after_they_were_made_end_settled() -> Result<()> {
    all_end_settled_by_the_chain(Fault::after_effect(Say::Silence)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_of_twenty_payments_answered_502_after_they_were_made_end_settled() -> Result<()> {
    all_end_settled_by_the_chain(Fault::after_effect(Say::Status(502))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_of_twenty_payments_reset_after_they_were_made_end_settled() -> Result<()> {
    all_end_settled_by_the_chain(Fault::after_effect(Say::Reset)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_of_twenty_payments_told_timeout_with_their_hash_end_settled() -> Result<()> {
    all_end_settled_by_the_chain(Fault::after_effect(success("timeout", HashForm::Real))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_of_twenty_payments_told_timeout_without_their_hash_end_settled() -> Result<()> {
    all_end_settled_by_the_chain(Fault::after_effect(success("timeout", HashForm::Empty))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_of_twenty_payments_whose_hash_is_found_late_on_the_chain_end_settled() -> Result<()> {
    all_end_settled_by_the_chain(mined_later()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_of_twenty_payments_not_found_at_first_and_found_later_end_settled_without_a_chain()
-> Result<()> {
    let mut scene = Scene::new().await?;
    scene.standin.configure(|settings| settings.status_lag = 2);
    let worker = scene.plan()?;
    all_end_settled(&mut scene, worker, mined_later()).await
}
