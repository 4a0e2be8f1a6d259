//! Many submitters, several sidecars, one payment.

use anyhow::Result;
use futures_util::future::try_join_all;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::ledger;

use crate::scene::{SOON, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_submitters_over_three_sidecars_make_one_row_and_one_settle() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecars = [
        scene.sidecar().await?,
        scene.sidecar().await?,
        scene.sidecar().await?,
    ];
    let signed = Buyer::new().pay(&Offer::usdg());
    let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
    let mut clients = Vec::new();
    for _ in 0..64 {
        clients.push(scene.database.client().await?);
    }
    let submit = |client| ledger::submit(client, &payment, &requirements, &signed.offer.resource);
    let ids = try_join_all(clients.iter().map(submit)).await?;
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "every submitter gets the same payment"
    );
    scene.settled(&signed, ids[0]).await?;
    let again = submit(&clients[0]).await?;
    assert_eq!(again, ids[0], "also after it is settled");
    let rows: i64 = clients[0]
        .query_one("SELECT count(*) FROM x402_payments", &[])
        .await?
        .get(0);
    assert_eq!((rows, scene.standin.calls().of("settle").len()), (1, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_sidecars_settle_a_burst_with_one_call_and_one_transfer_each() -> Result<()> {
    let mut scene = Scene::new().await?;
    let _sidecars = [
        scene.sidecar().await?,
        scene.sidecar().await?,
        scene.sidecar().await?,
    ];
    let mut paid = Vec::new();
    for _ in 0..60 {
        paid.push(scene.pay().await?);
    }
    for (signed, id) in &paid {
        scene.watch.status(*id, &["settled"], SOON).await?;
        assert_eq!(scene.standin.calls().settles_of(signed.nonce()).len(), 1);
        assert_eq!(scene.standin.chain().transfers_of(signed.nonce()).len(), 1);
    }
    Ok(())
}
