//! A session plans its statements once, perhaps on a ledger that is empty; they must suit one that is full.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::Template;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rls_support::Sandbox;

/// Payments that one statement is about.
const AT_ONCE: usize = 10;
/// Rows of others in each table.
const OTHERS: usize = 3_000;

/// A payment of a new buyer.
fn order(begin: bool) -> Value {
    let signed = Buyer::new().pay(&Offer::usdg());
    json!({ "payment": signed.payment(Form::V2), "requirements": signed.requirements(Form::V2),
        "resource": "/report", "deliver": true, "max_unsettled": 100, "begin": begin })
}

/// Enters, settles and delivers some payments; the rows of `table` that each statement read, with its name.
async fn cycle(sandbox: &Sandbox, table: &str) -> Result<Vec<(&'static str, i64)>> {
    let (client, mut reads) = (&sandbox.client, Vec::new());
    let sell = |begin: bool| {
        let orders: Vec<Value> = (0..AT_ONCE).map(|_| order(begin)).collect();
        let orders = json!(orders);
        format!("SELECT count(*) FROM x402.sell_many('{orders}', 'gateway', '1 min')")
    };
    reads.push(("sell_many", read(sandbox, table, &sell(false)).await?));
    let claim = "SELECT x402.claim_to_settle('worker', 10, '1 min')";
    reads.push(("claim_to_settle", read(sandbox, table, claim).await?));
    reads.push(("sell_many with intents", read(sandbox, table, &sell(true)).await?));
    let begun = "DELETE FROM x402.queue WHERE status = 'settling'";
    client.batch_execute(begun).await?;
    client.batch_execute(&sell(false)).await?;
    let claim = "CREATE TEMP TABLE held ON COMMIT PRESERVE ROWS AS
        SELECT id, lease_token, NULL::bigint AS token FROM x402.claim('worker', 10, '1 min')";
    reads.push(("claim", read(sandbox, table, claim).await?));
    let begin = "SELECT x402.begin_settle(array_agg(id), array_agg(lease_token)) FROM held";
    reads.push(("begin_settle", read(sandbox, table, begin).await?));
    let finish = "SELECT x402.finish(jsonb_agg(jsonb_build_object('id', id, 'lease_token', lease_token,
        'outcome', 'settled', 'tx_hash', '0x' || encode(sha256(id::text::bytea), 'hex')))) FROM held";
    reads.push(("finish", read(sandbox, table, finish).await?));
    let deliver = "UPDATE held SET token = (SELECT token FROM x402.claim_delivery(id, 'gateway', '1 min'))";
    reads.push(("claim_delivery", read(sandbox, table, deliver).await?));
    for (name, each) in [
        ("sale", "x402.sale(id)"),
        ("extend_delivery", "x402.extend_delivery(id, token, '1 min')"),
        ("abandon_delivery", "x402.abandon_delivery(id, token)"),
    ] {
        let statement = format!("SELECT {each} FROM held");
        reads.push((name, read(sandbox, table, &statement).await?));
    }
    client.batch_execute(deliver).await?;
    let answer = "SELECT x402.answer_deliveries(array_agg(id), array_agg(token), array_agg(200), array_agg('[]'::jsonb),
        array_agg('report'::bytea), array_agg('1 min'::interval), array_agg(true)) FROM held";
    reads.push(("answer_deliveries", read(sandbox, table, answer).await?));
    let mark = "SELECT x402.mark_delivered(id) FROM held";
    reads.push(("mark_delivered", read(sandbox, table, mark).await?));
    let done = "SELECT count(*) FROM held JOIN x402_payments p USING (id) WHERE p.status = 'settled' AND p.delivered_at IS NOT NULL";
    assert_eq!(
        client.query_one(done, &[]).await?.get::<_, i64>(0),
        AT_ONCE as i64
    );
    client.batch_execute("DROP TABLE held").await?;
    reads.extend(one_by_one(sandbox, table).await?);
    Ok(reads)
}

/// The same for what is asked about one payment at a time.
async fn one_by_one(sandbox: &Sandbox, table: &str) -> Result<Vec<(&'static str, i64)>> {
    let (order, recorded) = (order(false), Buyer::new().pay(&Offer::usdg()));
    let given = format!("'{}', '{}', '/report'", order["payment"], order["requirements"]);
    let known = format!("'{}', '{}'", order["payment"], order["requirements"]);
    let sale = format!("(x402.sell({given}, max_unsettled => 100)).id");
    let other = format!(
        "x402.record_settled('0x{:x}', '/report', '1', '0x{:x}')",
        recorded.auth.from,
        recorded.nonce()
    );
    let mut reads = Vec::new();
    for (name, call) in [
        ("sell", sale.clone()),
        ("sell again", sale.clone()),
        ("is_recorded", format!("x402.is_recorded({known})")),
        ("examine", format!("x402.examine({given})")),
        ("settle_now", format!("x402.settle_now({sale})")),
        ("record_settled", other),
    ] {
        reads.push((name, read(sandbox, table, &format!("SELECT {call}")).await?));
    }
    let left = "DELETE FROM x402.queue WHERE status = 'pending' AND due_at <= now()";
    sandbox.client.batch_execute(left).await?;
    Ok(reads)
}

/// Rows of the table that a statement reads.
async fn read(sandbox: &Sandbox, table: &str, statement: &str) -> Result<i64> {
    let client = &sandbox.client;
    let counted = format!(
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_all_tables
         WHERE relid = '{table}'::regclass"
    );
    client.batch_execute("BEGIN").await?;
    // What earlier statements read may not have been reported yet.
    let before: i64 = client.query_one(&counted, &[]).await?.get(0);
    client.batch_execute(statement).await?;
    let after: i64 = client.query_one(&counted, &[]).await?.get(0);
    client.batch_execute("COMMIT").await?;
    Ok(after - before)
}

/// Whether statistics were gathered while the ledger was small, as autovacuum does: then a table of a page or two is
/// worth no index.
async fn read_little_in_a_full_ledger(gathered: bool) -> Result<()> {
    for table in [
        "x402.queue",
        "x402.deliveries",
        "x402.authorizations",
        "x402_payments",
    ] {
        let sandbox = Sandbox::of(Template::Extension).await?;
        if gathered {
            cycle(&sandbox, table).await?;
            sandbox.client.batch_execute("VACUUM ANALYZE").await?;
        }
        // A generic plan is made by the sixth execution at the latest.
        for _ in 0..6 {
            cycle(&sandbox, table).await?;
        }
        fill(&sandbox).await?;
        // A row is looked at more than once: to lock it, to change it, and for what became of it.
        let mut reads = cycle(&sandbox, table).await?;
        reads.retain(|(_, rows)| *rows > 6 * AT_ONCE as i64);
        assert!(reads.is_empty(), "rows of {table} read: {reads:?}");
    }
    Ok(())
}

#[tokio::test]
async fn statements_that_were_planned_on_an_empty_ledger_read_only_the_rows_they_are_about_in_a_full_one()
-> Result<()> {
    read_little_in_a_full_ledger(false).await
}

#[tokio::test]
async fn statements_that_were_planned_by_the_statistics_of_a_small_ledger_read_as_little_in_a_full_one()
-> Result<()> {
    read_little_in_a_full_ledger(true).await
}

/// Others' payments, which come after those of the test.
async fn fill(sandbox: &Sandbox) -> Result<()> {
    let id = Uuid::nil();
    sandbox
        .client
        .batch_execute(&format!(
            "INSERT INTO x402.queue (payment_id, valid_before, due_at)
               SELECT gen_random_uuid(), 99999999999, now() + interval '1 day' FROM generate_series(1, {OTHERS});
             INSERT INTO x402.deliveries (payment_id, payer, unsettled)
               SELECT gen_random_uuid(), '{id}', true FROM generate_series(1, {OTHERS});
             INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash)
               SELECT '0xab', '/x', '1', 'tx' || n FROM generate_series(1, {OTHERS}) n"
        ))
        .await?;
    Ok(())
}
