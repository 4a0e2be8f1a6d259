//! Whoever records something about a payment takes its locks in the same order as everybody else.

use alloy_primitives::hex;
use anyhow::Result;
use insforge_tests::ledger;
use insforge_tests::wait::wait_until;
use serde_json::json;

use crate::scene::{SOON, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_and_the_scan_that_record_the_same_payment_never_wait_for_each_other() -> Result<()> {
    let scene = Scene::new().await?;
    let (signed, id) = scene.pay().await?;
    let (worker, scan) = (scene.database.client().await?, scene.database.client().await?);
    let claim = "SELECT lease_token FROM x402.claim('worker', 1, '1 minute')";
    let token: i64 = worker.query_one(claim, &[]).await?.get(0);
    worker.batch_execute("BEGIN").await?;
    let hold = "SELECT x402.extend_leases(ARRAY[$1::uuid], ARRAY[$2::bigint], '1 minute')";
    worker.query_one(hold, &[&id, &token]).await?;

    let transfer = json!([{
        "network": "eip155:196", "asset": hex::encode_prefixed(signed.offer.domain.verifying_contract),
        "payer": hex::encode_prefixed(signed.auth.from), "pay_to": hex::encode_prefixed(signed.auth.to),
        "nonce": signed.nonce_text(), "value": signed.auth.value.to_string(), "tx_hash": signed.nonce_text(),
        "log_index": 1, "block_number": 7, "block_hash": signed.nonce_text(), "finality": "latest",
        "block_time": 1, "evidence": {},
    }]);
    let recording = tokio::spawn(async move {
        let record = "SELECT status FROM x402.record_transfers($1)";
        anyhow::Ok(scan.query_one(record, &[&transfer]).await?.get::<_, String>(0))
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE query LIKE '%record_transfers%' AND wait_event_type = 'Lock' AND datname = current_database()";
    let waits = || async {
        let count: i64 = scene.watch.client().query_one(waiting, &[]).await?.get(0);
        Ok((count == 1).then_some(()))
    };
    wait_until(SOON, "the scan waits for the worker", waits).await?;

    let outcome =
        json!([{"id": id.to_string(), "lease_token": token, "outcome": "not_sent", "class": "retryable"}]);
    let finish = "SELECT applied FROM x402.finish($1)";
    assert!(worker.query_one(finish, &[&outcome]).await?.get::<_, bool>(0));
    worker.batch_execute("COMMIT").await?;
    assert_eq!(recording.await??, "settled");
    assert_eq!(ledger::row(scene.watch.client(), id).await?.status, "settled");
    Ok(())
}
