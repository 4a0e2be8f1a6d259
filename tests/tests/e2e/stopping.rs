//! SIGTERM: what is in flight is finished and recorded, nothing new is begun.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::process::Signal;
use insforge_tests::standin::{Fault, Rule};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::scene::{SOON, Scene};
use crate::selling_support::{Endpoint, gateway};

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
async fn a_sidecar_that_stops_finishes_a_delivery_and_leaves_what_waits_to_others() -> Result<()> {
    let scene = Scene::new().await?;
    let upstream = TcpListener::bind("127.0.0.1:0").await?;
    let route =
        json!({ "upstream": format!("http://{}", upstream.local_addr()?), "upstream_timeout": "30s" });
    let shop = gateway(scene.plan()?, &Endpoint::start().await?, &route).await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let bought = async { shop.buy("/report", &signed, Form::V2).await };
    let others = [(); 5].map(|()| Buyer::new().pay(&Offer::usdg()));
    let stopped = async {
        let asked = timeout(SOON, upstream.accept()).await;
        let (mut asked, _) = asked.context("the upstream is asked")??;
        let mut request = [0; 4];
        asked.read_exact(&mut request).await?;
        shop.sidecar.process().signal(Signal::TERM)?;
        shop.sidecar.log().wait_for(SOON, "stopping").await?;
        let waiting = try_join_all(others.iter().map(|other| scene.submit(other))).await?;
        asked
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nreport")
            .await?;
        anyhow::Ok((waiting, asked))
    };
    let (got, (waiting, _asked)) = tokio::try_join!(bought, stopped)?;
    assert_eq!((got.status, got.body.as_str()), (200, "report"));
    assert!(shop.sidecar.process().wait(SOON).await?.success());
    for id in waiting {
        assert_eq!(scene.path(id).await?, ["pending"], "it is not even claimed");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_sidecar_stops_at_once() -> Result<()> {
    let scene = Scene::new().await?;
    let sidecar = scene.sidecar().await?;
    assert!(sidecar.stop(SOON).await?.success());
    Ok(())
}
