use anyhow::{Context, Result};
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

/// A payment as the public ledger shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Status.
    pub status: String,
    /// Transaction hash.
    pub tx_hash: Option<String>,
    /// Index of the transfer's log.
    pub log_index: Option<i32>,
    /// `none`, `latest`, `safe`, `finalized`.
    pub finality: Option<String>,
    /// What the facilitator or the rules said.
    pub error_reason: Option<String>,
    /// Pretended by mock mode.
    pub mock: bool,
}

/// One event of a payment's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Status before; `None` for the first event.
    pub from: Option<String>,
    /// Status after.
    pub to: String,
    /// Who moved it.
    pub actor: String,
    /// What justified it.
    pub evidence: Value,
    /// When, as text.
    pub at: String,
}

/// Reads a payment.
///
/// # Errors
/// There is no such payment.
pub async fn row(client: &Client, id: Uuid) -> Result<Row> {
    let sql =
        "SELECT status, tx_hash, log_index, finality, error_reason, mock FROM x402_payments WHERE id = $1";
    let row = client
        .query_opt(sql, &[&id])
        .await?
        .with_context(|| format!("no payment {id}"))?;
    Ok(Row {
        status: row.try_get(0)?,
        tx_hash: row.try_get(1)?,
        log_index: row.try_get(2)?,
        finality: row.try_get(3)?,
        error_reason: row.try_get(4)?,
        mock: row.try_get(5)?,
    })
}

/// Reads a payment's history, oldest first.
///
/// # Errors
/// The connection is lost.
pub async fn events(client: &Client, id: Uuid) -> Result<Vec<Event>> {
    let sql = "SELECT from_status, to_status, actor, evidence, to_char(at, 'HH24:MI:SS.US')
               FROM x402.events WHERE payment_id = $1 ORDER BY id";
    let rows = client.query(sql, &[&id]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Event {
            from: row.try_get(0)?,
            to: row.try_get(1)?,
            actor: row.try_get(2)?,
            evidence: row.try_get::<_, Option<Value>>(3)?.unwrap_or_default(),
            at: row.try_get(4)?,
        })
    };
    rows.iter().map(read).collect()
}
