//! The row and the intent are on disk before anybody can move the money.

use std::sync::Arc;

use anyhow::{Context, Result};
use insforge_tests::ledger;
use parking_lot::Mutex;

use crate::scene::Scene;

/// What another connection sees at the moment when `/settle` arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    status: String,
    intents: i64,
    transfers: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn row_and_intent_are_committed_before_the_facilitator_sees_settle() -> Result<()> {
    let mut scene = Scene::new().await?;
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let (url, record) = (scene.database.url(), seen.clone());
    scene.standin.on_settle(move |settle| {
        let (url, record) = (url.clone(), record.clone());
        async move {
            let looked = look(&url, &format!("{:#x}", settle.nonce)).await;
            record
                .lock()
                .push(looked.expect("the stand-in looks into the database"));
        }
    });
    let _sidecar = scene.sidecar().await?;
    let (signed, id) = scene.pay().await?;
    scene.settled(&signed, id).await?;
    let expected = Seen {
        status: "settling".to_owned(),
        intents: 1,
        transfers: 0,
    };
    assert_eq!(*seen.lock(), [expected]);
    Ok(())
}

/// Looks on a connection of its own: it sees only what is committed.
async fn look(url: &str, nonce: &str) -> Result<Seen> {
    let watch = ledger::Watch::payments(url).await?;
    let sql = "SELECT p.status, (SELECT count(*) FROM x402.events e
                                 WHERE e.payment_id = p.id AND e.to_status = 'settling'),
                      p.tx_hash IS NOT NULL
               FROM x402_payments p WHERE p.nonce = $1";
    let row = watch
        .client()
        .query_opt(sql, &[&nonce])
        .await?
        .context("the row is not committed")?;
    let moved: bool = row.try_get(2)?;
    Ok(Seen {
        status: row.try_get(0)?,
        intents: row.try_get(1)?,
        transfers: usize::from(moved),
    })
}
