use std::collections::HashMap;

use anyhow::Result;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::ledger::Event;

/// The whole ledger.
#[derive(Debug)]
pub(in crate::chaos) struct Books {
    pub(in crate::chaos) payments: Vec<Payment>,
    /// The moves and notes of each payment, oldest first.
    pub(in crate::chaos) events: HashMap<Uuid, Vec<Event>>,
    /// Payments that a worker would still find.
    pub(in crate::chaos) queued: Vec<Uuid>,
}

/// A row of the ledger.
#[derive(Debug, Clone)]
pub(in crate::chaos) struct Payment {
    pub(in crate::chaos) id: Uuid,
    pub(in crate::chaos) nonce: String,
    pub(in crate::chaos) payer: String,
    pub(in crate::chaos) pay_to: String,
    pub(in crate::chaos) asset: String,
    pub(in crate::chaos) value: String,
    pub(in crate::chaos) status: String,
    pub(in crate::chaos) tx_hash: Option<String>,
    pub(in crate::chaos) log_index: Option<i32>,
    pub(in crate::chaos) block_number: Option<i64>,
    pub(in crate::chaos) finality: String,
    pub(in crate::chaos) reason: Option<String>,
}

impl Books {
    pub(in crate::chaos) async fn read(client: &Client) -> Result<Books> {
        let sql = "SELECT id, coalesce(nonce, ''), payer_address, coalesce(pay_to, ''), coalesce(asset, ''), amount,
                     status, tx_hash, log_index, block_number, finality, error_reason
                   FROM x402_payments ORDER BY created_at, id";
        let rows = client.query(sql, &[]).await?;
        let payments = rows.iter().map(payment).collect::<Result<_>>()?;
        let sql = "SELECT payment_id, from_status, to_status, actor, evidence, at::text FROM x402.events ORDER BY id";
        let mut events: HashMap<Uuid, Vec<Event>> = HashMap::new();
        for row in client.query(sql, &[]).await? {
            let event = Event {
                from: row.try_get(1)?,
                to: row.try_get(2)?,
                actor: row.try_get(3)?,
                evidence: row.try_get(4)?,
                at: row.try_get(5)?,
            };
            events.entry(row.try_get(0)?).or_default().push(event);
        }
        let queued = client.query("SELECT payment_id FROM x402.queue", &[]).await?;
        let queued = queued
            .iter()
            .map(|row| Ok(row.try_get(0)?))
            .collect::<Result<_>>()?;
        Ok(Books {
            payments,
            events,
            queued,
        })
    }

    /// Outcomes that were written under a lease that was lost, and changed nothing.
    pub(in crate::chaos) fn stale(&self) -> usize {
        let late = |event: &&Event| event.evidence["action"] == "outcome after the lease was lost";
        self.events.values().flatten().filter(late).count()
    }
}

fn payment(row: &Row) -> Result<Payment> {
    Ok(Payment {
        id: row.try_get(0)?,
        nonce: row.try_get(1)?,
        payer: row.try_get(2)?,
        pay_to: row.try_get(3)?,
        asset: row.try_get(4)?,
        value: row.try_get(5)?,
        status: row.try_get(6)?,
        tx_hash: row.try_get(7)?,
        log_index: row.try_get(8)?,
        block_number: row.try_get(9)?,
        finality: row.try_get(10)?,
        reason: row.try_get(11)?,
    })
}
