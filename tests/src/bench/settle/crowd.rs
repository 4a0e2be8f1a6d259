//! Payments that wait behind those of which a measurement is made.

use anyhow::{Context, Result};
use tokio_postgres::Client;

/// Enters so many payments like the first that waits, all to be settled after every one that is there: they make
/// the tables as large as those of a backlog of that size, and nobody comes to them before the measurement ends.
/// Their signatures are wrong, which costs a minute instead of a quarter of an hour.
pub(super) async fn gather(client: &Client, count: usize) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let number = i64::try_from(count).context("too many")?;
    client
        .batch_execute("SET session_replication_role = replica")
        .await?;
    client
        .execute(
            "CREATE TEMP TABLE crowd AS
             SELECT gen_random_uuid() AS id, '0x' || encode(sha256(n::text::bytea), 'hex') AS nonce
             FROM generate_series(1, $1::bigint) n",
            &[&number],
        )
        .await?;
    client
        .batch_execute(
            "INSERT INTO x402_payments (id, payer_address, endpoint, amount, chain, status, network, asset, pay_to,
               nonce, scheme, value)
             SELECT c.id, p.payer_address, p.endpoint, p.amount, p.chain, p.status, p.network, p.asset, p.pay_to,
               c.nonce, p.scheme, p.value
             FROM crowd c, (SELECT * FROM x402_payments LIMIT 1) p;
             INSERT INTO x402.authorizations (payment_id, payment, requirements, valid_after, valid_before, resource)
             SELECT c.id, a.payment, a.requirements, a.valid_after, a.valid_before + 86400, a.resource
             FROM crowd c, (SELECT * FROM x402.authorizations LIMIT 1) a;
             INSERT INTO x402.queue (payment_id, valid_before)
             SELECT c.id, q.valid_before + 86400 FROM crowd c, (SELECT max(valid_before) AS valid_before FROM x402.queue) q;
             INSERT INTO x402.events (payment_id, to_status) SELECT id, 'pending' FROM crowd;
             DROP TABLE crowd;
             RESET session_replication_role",
        )
        .await?;
    Ok(client.batch_execute("VACUUM ANALYZE").await?)
}
