//! What a transaction proves, and for whom: one that a facilitator only named proves nothing yet.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer, Signed};
use insforge_tests::cluster::{Database, Template};
use insforge_tests::ledger;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

/// A worker in SQL, a commit after each step.
struct Worker {
    client: Client,
    _database: Database,
}

/// A payment with the lease it is held under.
struct Held {
    id: Uuid,
    token: i64,
}

impl Worker {
    async fn new() -> Result<Worker> {
        let database = Database::create(Template::Extension).await?;
        Ok(Worker {
            client: database.client().await?,
            _database: database,
        })
    }

    async fn submitted(&self) -> Result<(Signed, Uuid)> {
        let signed = Buyer::new().pay(&Offer::usdg());
        let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
        let id = ledger::submit(&self.client, &payment, &requirements, "/report").await?;
        Ok((signed, id))
    }

    /// Claims this payment and no other.
    async fn claim(&self, id: Uuid) -> Result<Held> {
        let due = "UPDATE x402.queue SET due_at = CASE payment_id WHEN $1 THEN now() - interval '1 s'
                   ELSE now() + interval '1 h' END";
        self.client.execute(due, &[&id]).await?;
        let claim =
            "SELECT id, lease_token FROM x402.claim('worker', 1, '1 min', '{pending,unknown,submitted}')";
        let row = self.client.query_one(claim, &[]).await?;
        assert_eq!(row.get::<_, Uuid>(0), id);
        Ok(Held {
            id,
            token: row.get(1),
        })
    }

    /// The same, with the intent to settle.
    async fn begin(&self, id: Uuid) -> Result<Held> {
        let held = self.claim(id).await?;
        let begin = "SELECT x402.begin_settle(ARRAY[$1::uuid], ARRAY[$2::bigint])";
        self.client.query_one(begin, &[&held.id, &held.token]).await?;
        Ok(held)
    }

    /// Records outcomes together; the statuses they lead to, in the same order.
    async fn finish(&self, outcomes: &[(Held, Value)]) -> Result<Vec<String>> {
        let together: Vec<Value> = outcomes
            .iter()
            .map(|(held, outcome)| {
                let mut whole = outcome.clone();
                (whole["id"], whole["lease_token"]) = (json!(held.id.to_string()), json!(held.token));
                whole
            })
            .collect();
        let sql = "SELECT id, status FROM x402.finish($1)";
        let rows = self.client.query(sql, &[&Value::from(together)]).await?;
        let status = |held: &Held| {
            let row = rows.iter().find(|row| row.get::<_, Uuid>(0) == held.id);
            row.expect("every outcome is answered").get(1)
        };
        Ok(outcomes.iter().map(|(held, _)| status(held)).collect())
    }

    async fn finish_one(&self, held: Held, outcome: Value) -> Result<String> {
        Ok(self.finish(&[(held, outcome)]).await?.remove(0))
    }

    async fn count(&self, sql: &str) -> Result<i64> {
        Ok(self.client.query_one(sql, &[]).await?.get(0))
    }
}

fn hash(digit: char) -> String {
    format!("0x{}", digit.to_string().repeat(64))
}

/// The chain shows the payment's transfer at this log of the transaction.
fn proven(digit: char, log: i32) -> Value {
    json!({"outcome": "settled", "tx_hash": hash(digit), "log_index": log, "block_number": 9,
           "block_hash": hash('b'), "finality": "latest"})
}

/// The facilitator names the transaction, and nothing is known.
fn named(digit: char) -> Value {
    json!({"outcome": "unknown", "tx_hash": hash(digit)})
}

#[tokio::test]
async fn a_lie_about_somebody_elses_transaction_keeps_nobody_from_being_settled_by_it() -> Result<()> {
    let worker = Worker::new().await?;
    let (_, liar) = worker.submitted().await?;
    let (_, paid) = worker.submitted().await?;
    let (_, in_one_batch) = worker.submitted().await?;
    let (_, beside_it) = worker.submitted().await?;
    let held = worker.begin(liar).await?;
    assert_eq!(worker.finish_one(held, named('a')).await?, "unknown");
    let held = worker.claim(paid).await?;
    assert_eq!(worker.finish_one(held, proven('a', 5)).await?, "settled");

    // In one statement, too, and in either order.
    let (first, second) = (worker.begin(in_one_batch).await?, worker.claim(beside_it).await?);
    let together = [(first, named('c')), (second, proven('c', 1))];
    assert_eq!(worker.finish(&together).await?, ["unknown", "settled"]);

    // Nor is the lie ever believed.
    let held = worker.claim(liar).await?;
    let confirmed = json!({"outcome": "settled", "tx_hash": hash('a')});
    assert_eq!(worker.finish_one(held, confirmed).await?, "unknown");
    let held = worker.claim(liar).await?;
    assert_eq!(worker.finish_one(held, proven('a', 5)).await?, "review");
    Ok(())
}

#[tokio::test]
async fn a_payment_that_an_app_settled_is_recorded_although_its_transaction_was_named_for_another()
-> Result<()> {
    let worker = Worker::new().await?;
    let (_, other) = worker.submitted().await?;
    let held = worker.begin(other).await?;
    worker.finish_one(held, named('d')).await?;
    let record = format!(
        "SELECT x402.record_settled('0x{}', '/own', '7', '{}')",
        "e".repeat(40),
        hash('d')
    );
    let own: Uuid = worker.client.query_one(&record, &[]).await?.get(0);
    assert_ne!(own, other);
    let again: Uuid = worker.client.query_one(&record, &[]).await?.get(0);
    assert_eq!(own, again, "one transaction, one payment");
    let held = worker.claim(other).await?;
    let confirmed = json!({"outcome": "settled", "tx_hash": hash('d')});
    assert_eq!(worker.finish_one(held, confirmed).await?, "unknown");
    Ok(())
}

#[tokio::test]
async fn payments_of_one_batch_are_taken_back_by_a_reorganisation_and_settled_with_their_logs_swapped()
-> Result<()> {
    let worker = Worker::new().await?;
    let (_, one) = worker.submitted().await?;
    let (_, two) = worker.submitted().await?;
    for (id, log) in [(one, 5), (two, 6)] {
        let held = worker.claim(id).await?;
        assert_eq!(worker.finish_one(held, proven('f', log)).await?, "settled");
    }
    let gone =
        "SELECT count(*) FILTER (WHERE applied) FROM x402.confirm((SELECT jsonb_agg(jsonb_build_object(
                'id', id, 'tx_hash', tx_hash, 'outcome', 'reorganised')) FROM x402_payments))";
    assert_eq!(worker.count(gone).await?, 2);
    for (id, log) in [(one, 6), (two, 5)] {
        let held = worker.claim(id).await?;
        assert_eq!(worker.finish_one(held, proven('f', log)).await?, "settled");
    }
    Ok(())
}

#[tokio::test]
async fn a_payment_that_an_app_settled_goes_to_a_person_when_the_chain_takes_it_back() -> Result<()> {
    let worker = Worker::new().await?;
    let record = format!(
        "SELECT x402.record_settled('0x{a}', '/own', '7', '{}', log_index => 1, asset => '0x{a}', pay_to => '0x{a}',
           nonce => '{}', scheme => 'exact')",
        hash('7'),
        hash('8'),
        a = "e".repeat(40)
    );
    let id: Uuid = worker.client.query_one(&record, &[]).await?.get(0);
    let gone = format!(
        r#"SELECT status FROM x402.confirm('[{{"id": "{id}", "tx_hash": "{}", "outcome": "reorganised"}}]')"#,
        hash('7')
    );
    let status: String = worker.client.query_one(&gone, &[]).await?.get(0);
    assert_eq!(status, "review", "no worker has anything to send");
    let retried = worker.client.query_one("SELECT x402.retry($1)", &[&id]).await;
    let refused = retried.expect_err("nothing can be sent");
    assert_eq!(refused.code().map(|code| code.code()), Some("X4207"));
    let accept = "SELECT x402.accept($1, 'it is back in another block')";
    let status: String = worker.client.query_one(accept, &[&id]).await?.get(0);
    assert_eq!(status, "settled");
    Ok(())
}

#[tokio::test]
async fn a_refusal_proves_nothing_once_the_scan_found_the_transfer_in_mid_call() -> Result<()> {
    let worker = Worker::new().await?;
    let (signed, id) = worker.submitted().await?;
    let held = worker.begin(id).await?;
    let lower = |address: alloy_primitives::Address| format!("{address:#x}");
    let transfer = json!([{
        "network": "eip155:196", "asset": lower(signed.offer.domain.verifying_contract),
        "payer": lower(signed.auth.from), "nonce": signed.nonce_text(), "pay_to": lower(signed.auth.to),
        "value": signed.auth.value.to_string(), "tx_hash": hash('1'), "log_index": 3, "block_number": 9,
        "block_hash": hash('b'), "finality": "latest", "block_time": 1_790_000_000,
    }]);
    let found = "SELECT status, applied FROM x402.record_transfers($1)";
    let row = worker.client.query_one(found, &[&transfer]).await?;
    assert_eq!(
        (row.get::<_, &str>(0), row.get::<_, bool>(1)),
        ("settling", false),
        "its worker has it"
    );
    let refused = json!({"outcome": "refused", "class": "final", "reason": "insufficient_balance"});
    assert_eq!(worker.finish_one(held, refused).await?, "unknown");
    let events = ledger::events(&worker.client, id).await?;
    let noted = events
        .iter()
        .filter(|event| event.evidence["action"] == "found on chain");
    assert_eq!(noted.count(), 1);
    Ok(())
}

#[tokio::test]
async fn what_a_transaction_proves_is_found_without_reading_the_whole_ledger() -> Result<()> {
    let worker = Worker::new().await?;
    let (_, id) = worker.submitted().await?;
    let held = worker.begin(id).await?;
    let outcome = json!([{"id": id.to_string(), "lease_token": held.token, "outcome": "settled", "tx_hash": hash('2'),
                          "log_index": 1}]);
    // A table of one row is read whole because that is quickest, unless it is forbidden.
    worker
        .client
        .batch_execute("BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        .await?;
    worker
        .client
        .query_one("SELECT status FROM x402.finish($1)", &[&outcome])
        .await?;
    let record = format!(
        "SELECT x402.record_settled('0x{}', '/own', '7', '{}')",
        "e".repeat(40),
        hash('3')
    );
    worker.client.query_one(&record, &[]).await?;
    let whole = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relid = 'x402_payments'::regclass";
    assert_eq!(worker.count(whole).await?, 0, "reads of the whole ledger");
    worker.client.batch_execute("COMMIT").await?;
    Ok(())
}
