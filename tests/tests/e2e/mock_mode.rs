//! Mock mode: signatures count, money does not move, and nobody can mistake its rows.

use anyhow::Result;
use insforge_tests::sidecar::Plan;

use crate::scene::{SOON, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_mock_settlement_is_marked_and_calls_nobody() -> Result<()> {
    let mut scene = Scene::new().await?;
    let plan = Plan::new(&scene.database.sidecar_url())?.set("MOCK_OKX_FACILITATOR", "true");
    let _sidecar = plan.start().await?;
    let (_, id) = scene.pay().await?;
    let row = scene.watch.status(id, &["settled"], SOON).await?;
    assert!(row.mock);
    assert!(row.tx_hash.is_some());
    assert!(scene.standin.calls().all().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn production_refuses_mock_mode_and_names_the_setting() -> Result<()> {
    let scene = Scene::new().await?;
    let plan = Plan::new(&scene.database.sidecar_url())?;
    let plan = plan
        .set("MOCK_OKX_FACILITATOR", "true")
        .set("INSFORGE_ENV", "production");
    let sidecar = plan.launch()?;
    let ended = sidecar.process().wait(SOON).await?;
    assert_eq!(ended.code(), Some(1));
    assert!(
        sidecar.log().text().contains("MOCK_OKX_FACILITATOR"),
        "{}",
        sidecar.log().text()
    );
    Ok(())
}
