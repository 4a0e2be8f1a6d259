//! What the outside hears of payments: InsForge's realtime channel, notifications, the doorbell.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::Template;
use insforge_tests::ledger::{self, Watch};
use serde_json::Value;
use uuid::Uuid;

use crate::rls_support::Sandbox;
use crate::scene::SOON;

/// Name and status of everything published, in order.
const PUBLISHED: &str = "SELECT event_name, payload -> 'new' ->> 'status', payload -> 'new' ->> 'id'
  FROM heard ORDER BY n";

/// An InsForge database that remembers the order in which messages were published.
async fn insforge() -> Result<Sandbox> {
    let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
    sandbox
        .run(
            "CREATE TABLE heard (n serial, event_name text, channel_name text, payload jsonb);
             CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               INSERT INTO public.heard (event_name, channel_name, payload)
               VALUES (NEW.event_name, NEW.channel_name, NEW.payload); RETURN NULL; END $$;
             CREATE TRIGGER hear AFTER INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION hear()",
        )
        .await?;
    Ok(sandbox)
}

async fn submit(sandbox: &Sandbox) -> Result<Uuid> {
    let signed = Buyer::new().pay(&Offer::usdg());
    let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
    ledger::submit(&sandbox.client, &payment, &requirements, "/report").await
}

/// What a worker does with everything that is due in one of these statuses, a commit after each step.
async fn work(sandbox: &Sandbox, status: &str, outcome: &str) -> Result<()> {
    let claim = format!("SELECT id, lease_token FROM x402.claim('worker', 10, '1 min', '{{{status}}}')");
    for row in sandbox.rows(&claim).await? {
        let (id, lease) = (&row[0], &row[1]);
        sandbox
            .run(&format!(
                "SELECT x402.begin_settle(ARRAY['{id}'::uuid], ARRAY[{lease}::bigint])"
            ))
            .await?;
        sandbox
            .run(&format!(
                "SELECT x402.finish(jsonb_build_array(jsonb_build_object('id', '{id}', 'lease_token', {lease},
                   'outcome', '{outcome}', 'tx_hash', '0x' || replace('{id}', '-', '') || replace('{id}', '-', ''))))"
            ))
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_payment_is_published_once_as_new_when_it_settles_and_as_an_update_otherwise() -> Result<()> {
    let sandbox = insforge().await?;
    let id = submit(&sandbox).await?.to_string();
    assert!(sandbox.rows(PUBLISHED).await?.is_empty(), "nothing was paid yet");
    work(&sandbox, "pending", "settled").await?;
    let mut expected = vec![
        ["UPDATE_x402_payments", "settling", &id],
        ["INSERT_x402_payments", "settled", &id],
    ];
    assert_eq!(sandbox.rows(PUBLISHED).await?, expected);

    // The chain takes it back, and settles it again: no second new payment.
    sandbox
        .run(&format!(
            "SELECT x402.confirm(jsonb_build_array(jsonb_build_object('id', id, 'tx_hash', tx_hash,
               'outcome', 'reorganised'))) FROM x402_payments WHERE id = '{id}'"
        ))
        .await?;
    work(&sandbox, "submitted", "settled").await?;
    expected.push(["UPDATE_x402_payments", "submitted", &id]);
    expected.push(["UPDATE_x402_payments", "settled", &id]);
    assert_eq!(sandbox.rows(PUBLISHED).await?, expected);
    let payload = sandbox
        .one("SELECT bool_and(channel_name = 'x402_payments' AND payload -> 'new' ? 'payer_address') FROM heard")
        .await?;
    assert_eq!(payload, "t");
    Ok(())
}

#[tokio::test]
async fn a_row_that_the_guides_server_code_inserts_is_published_once() -> Result<()> {
    let sandbox = insforge().await?;
    sandbox
        .run(
            "SET ROLE project_admin;
             INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xAb', '/x', '1', '0xFF');
             INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xAb', '/x', '1', '0xff')
               ON CONFLICT DO NOTHING; RESET ROLE",
        )
        .await
        .or_else(|refused| {
            if refused.to_string().contains("23505") { Ok(()) } else { Err(refused) }
        })?;
    sandbox.run("RESET ROLE").await?;
    sandbox
        .run(
            "SET ROLE project_admin;
             INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xAb', '/x', '1', '0xFE');
             RESET ROLE",
        )
        .await?;
    let names = "SELECT event_name, payload -> 'new' ->> 'tx_hash' FROM heard";
    assert_eq!(sandbox.rows(names).await?, [["INSERT_x402_payments", "0xfe"]]);
    Ok(())
}

#[tokio::test]
async fn rows_of_the_past_are_loaded_in_silence() -> Result<()> {
    let sandbox = insforge().await?;
    let mut changes = Watch::payments(&sandbox.db.url()).await?;
    let mut doorbell = Watch::channel(&sandbox.db.url(), "x402_pending").await?;
    let mut realtime = Watch::channel(&sandbox.db.url(), "realtime_message").await?;
    sandbox
        .run(
            "INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash, created_at)
               SELECT '0xAb', '/x', n::text, '0x' || n, '2026-01-01'::timestamptz + n * interval '1 s'
               FROM generate_series(1, 500) n;
             INSERT INTO x402.queue (payment_id, valid_before, due_at)
               SELECT gen_random_uuid(), n, '2026-01-01' FROM generate_series(1, 500) n",
        )
        .await?;
    for watch in [&mut changes, &mut doorbell, &mut realtime] {
        assert_eq!(watch.heard().await?, Vec::<String>::new());
    }
    assert_eq!(sandbox.one("SELECT count(*) FROM realtime.messages").await?, "0");
    assert_eq!(sandbox.one("SELECT count(*) FROM x402_payments").await?, "500");
    Ok(())
}

#[tokio::test]
async fn a_realtime_that_fails_does_not_hold_up_a_payment() -> Result<()> {
    for body in [
        "RAISE EXCEPTION 'down'",
        "ASSERT false",
        "RAISE unique_violation",
        "PERFORM 1 / 0",
        "RAISE SQLSTATE '40001'",
    ] {
        let sandbox = insforge().await?;
        sandbox
            .run(&format!(
                "CREATE OR REPLACE FUNCTION realtime.publish(p_channel_name text, p_event_name text, p_payload jsonb)
                 RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN {body}; RETURN NULL; END $$"
            ))
            .await?;
        let id = submit(&sandbox).await?;
        work(&sandbox, "pending", "settled").await?;
        assert_eq!(
            ledger::row(&sandbox.client, id).await?.status,
            "settled",
            "{body}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_locked_realtime_table_does_not_hold_up_a_payment() -> Result<()> {
    let sandbox = insforge().await?;
    let id = submit(&sandbox).await?;
    let maintenance = sandbox.db.client().await?;
    maintenance
        .batch_execute("BEGIN; LOCK TABLE realtime.messages IN ACCESS EXCLUSIVE MODE")
        .await?;
    tokio::time::timeout(SOON, work(&sandbox, "pending", "settled"))
        .await
        .context("held up by a lock")??;
    assert_eq!(ledger::row(&sandbox.client, id).await?.status, "settled");
    Ok(())
}

#[tokio::test]
async fn a_database_without_the_channel_or_without_realtime_settles_as_well() -> Result<()> {
    for change in [
        "UPDATE realtime.channels SET enabled = false",
        "DROP FUNCTION realtime.publish",
        "DROP SCHEMA realtime CASCADE",
    ] {
        let sandbox = insforge().await?;
        sandbox.run(change).await?;
        let id = submit(&sandbox).await?;
        work(&sandbox, "pending", "settled").await?;
        assert_eq!(
            ledger::row(&sandbox.client, id).await?.status,
            "settled",
            "{change}"
        );
        assert_eq!(sandbox.one("SELECT count(*) FROM heard").await?, "0", "{change}");
    }
    Ok(())
}

#[tokio::test]
async fn a_notification_says_which_payment_moved_where_and_holds_no_more() -> Result<()> {
    let sandbox = insforge().await?;
    let mut watch = Watch::payments(&sandbox.db.url()).await?;
    let id = submit(&sandbox).await?;
    work(&sandbox, "pending", "settled").await?;
    let heard = watch.heard().await?;
    let moves = heard
        .iter()
        .map(|payload| Ok(serde_json::from_str::<Value>(payload)?))
        .collect::<Result<Vec<_>>>()?;
    let statuses: Vec<_> = moves.iter().map(|m| m["status"].as_str().unwrap_or("")).collect();
    assert_eq!(statuses, ["settling", "settled"]);
    for (payload, text) in moves.iter().zip(&heard) {
        assert_eq!(payload["id"], id.to_string(), "{text}");
        assert_eq!(payload["network"], "eip155:196", "{text}");
        assert_eq!(payload.as_object().map(serde_json::Map::len), Some(4), "{text}");
    }
    let row = ledger::row(&sandbox.client, id).await?;
    assert_eq!(moves[1]["tx_hash"].as_str(), row.tx_hash.as_deref());
    Ok(())
}

#[tokio::test]
async fn the_doorbell_rings_for_a_pending_payment_and_stays_silent_for_one_that_is_rolled_back() -> Result<()>
{
    let sandbox = insforge().await?;
    let mut doorbell = Watch::channel(&sandbox.db.url(), "x402_pending").await?;
    sandbox.run("BEGIN").await?;
    submit(&sandbox).await?;
    sandbox.run("ROLLBACK").await?;
    assert_eq!(doorbell.heard().await?, Vec::<String>::new());
    submit(&sandbox).await?;
    assert_eq!(doorbell.heard().await?, [""]);
    Ok(())
}

#[tokio::test]
async fn a_sidecar_that_submits_with_its_own_privileges_rings_the_doorbell() -> Result<()> {
    let sandbox = insforge().await?;
    let mut doorbell = Watch::channel(&sandbox.db.url(), "x402_pending").await?;
    let sidecar = Watch::channel(&sandbox.db.sidecar_url(), "x402_pending").await?;
    let signed = Buyer::new().pay(&Offer::usdg());
    let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
    ledger::submit(sidecar.client(), &payment, &requirements, "/report").await?;
    assert_eq!(doorbell.heard().await?, [""]);
    Ok(())
}

#[tokio::test]
async fn the_doorbell_rings_at_most_once_in_twenty_milliseconds() -> Result<()> {
    let sandbox = insforge().await?;
    let mut doorbell = Watch::channel(&sandbox.db.url(), "x402_pending").await?;
    let start = Instant::now();
    let mut submitted = 0;
    while submitted < 200 || start.elapsed() < Duration::from_millis(100) {
        submit(&sandbox).await?;
        submitted += 1;
    }
    let possible = start.elapsed().as_millis() / 20 + 1;
    let rings = doorbell.heard().await?.len();
    assert!(rings >= 2, "{rings} rings for {submitted} payments");
    assert!(rings as u128 <= possible, "{rings} rings, {possible} possible");
    Ok(())
}
