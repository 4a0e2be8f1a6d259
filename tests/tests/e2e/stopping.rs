//! SIGTERM: what is in flight is finished and recorded, nothing new is begun.

use anyhow::Result;
use insforge_tests::process::Signal;
use insforge_tests::standin::{Fault, Rule};

use crate::scene::{SOON, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sidecar_records_the_answer_it_was_waiting_for() -> Result<()> {
    let mut scene = Scene::new().await?;
    let sidecar = scene.sidecar().await?;
    let gated = Fault {
        gate_before: Some("answer".to_owned()),
        ..Fault::default()
    };
    scene.standin.fault(Rule::once("settle", gated));
    let (signed, id) = scene.pay().await?;
    scene
        .standin
        .calls()
        .wait(SOON, "the settle", |calls| {
            calls.iter().any(|c| c.target == "settle")
        })
        .await?;

    sidecar.process().signal(Signal::TERM)?;
    sidecar.log().wait_for(SOON, "stopping").await?;
    let (_, later) = scene.pay().await?;
    scene.standin.open_gate("answer");
    let ended = sidecar.process().wait(SOON).await?;
    assert!(ended.success(), "{ended}: {}", sidecar.log().text());
    scene.settled(&signed, id).await?;
    assert_eq!(scene.path(later).await?, ["pending"], "nothing new is begun");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_sidecar_stops_at_once() -> Result<()> {
    let scene = Scene::new().await?;
    let sidecar = scene.sidecar().await?;
    assert!(sidecar.stop(SOON).await?.success());
    Ok(())
}
