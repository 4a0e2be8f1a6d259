//! What an operator asks of the ledger and does to it, on one connection of its own.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use insforge_protocol::evm::Address;
use insforge_protocol::ledger::Status;
use serde_json::Value;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::rows::get;
use super::{Connector, DbError, desk_sql as sql};
use crate::config::DatabaseSettings;
use crate::tls::TlsError;

/// Why an operator did not get what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// TLS to the database.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The ledger refuses this for this payment, and says what would do instead.
    #[error("{message}{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    Refused {
        /// Why.
        message: String,
        /// What to do instead.
        hint: Option<String>,
    },
}

/// Which payments.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// With one of these statuses; all, if empty.
    pub statuses: Vec<Status>,
    /// Recorded at least so long ago.
    pub older_than: Option<Duration>,
    /// Paid by this address.
    pub payer: Option<Address>,
}

/// A payment in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Time since it was recorded.
    pub age: Duration,
    /// The row of the ledger, numbers beyond 53 bits as text.
    pub row: Value,
}

/// A payment's life.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The row, with what the queue holds about it under `queue`.
    pub row: Value,
    /// When, in UTC; what happened, a sentence; on what evidence.
    pub events: Vec<(String, String, Value)>,
}

/// Something an operator does to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Have it looked at now.
    Retry,
    /// Withdraw it; it was never sent.
    Cancel,
    /// Give it up.
    WriteOff,
    /// Take its evidence for good.
    Accept,
}

/// An operator's connection.
pub struct Desk {
    client: Client,
    ledger: String,
}

impl Desk {
    /// Connects, and finds the ledger.
    ///
    /// # Errors
    /// [`DeskError`]: no connection, or no extension in this database.
    pub async fn open(settings: &DatabaseSettings) -> Result<Self, DeskError> {
        let (client, connection) = Connector::new(settings, "operator")?.connect().await?;
        tokio::spawn(connection);
        client.batch_execute(sql::IN_UTC).await.map_err(DbError::from)?;
        let found = client.query_opt(sql::LEDGER, &[]).await.map_err(DbError::from)?;
        match found {
            Some(row) => Ok(Self {
                ledger: get(&row, "ledger")?,
                client,
            }),
            None => Err(DeskError::Refused {
                message: "the extension is not installed in this database".to_owned(),
                hint: Some("run CREATE EXTENSION insforge_integrations".to_owned()),
            }),
        }
    }

    /// The newest payments that fit, `limit` at most.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn list(&self, filter: &Filter, limit: u32) -> Result<Vec<Listed>, DeskError> {
        let text = format!(
            "{} ORDER BY p.created_at DESC, p.id LIMIT {limit}",
            sql::payments(&self.ledger, filter)
        );
        let rows = self.ask(&text, &[]).await?;
        let listed = |row: &Row| {
            let age: i64 = get(row, "age")?;
            Ok(Listed {
                age: Duration::from_secs(u64::try_from(age).unwrap_or(0)),
                row: get(row, "row")?,
            })
        };
        rows.iter().map(listed).collect()
    }

    /// One payment with its events; `None` if there is no such payment.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn show(&self, id: Uuid) -> Result<Option<Shown>, DeskError> {
        let rows = self
            .ask(&sql::payment(&self.ledger), &[(&id, Type::UUID)])
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let row = get(row, "row")?;
        let events = self.ask(sql::EXPLAIN, &[(&id, Type::UUID)]).await?;
        let event =
            |row: &Row| Ok::<_, DbError>((get(row, "at")?, get(row, "sentence")?, get(row, "evidence")?));
        let events = events.iter().map(event).collect::<Result<_, _>>()?;
        Ok(Some(Shown { row, events }))
    }

    /// Does something to a payment and returns the status it has then. `reason` and `who` become part of its
    /// events.
    ///
    /// # Errors
    /// [`DeskError::Refused`] when its status does not allow that.
    pub async fn act(&self, action: Action, id: Uuid, reason: &str, who: &str) -> Result<String, DeskError> {
        let text = match action {
            Action::Retry => sql::RETRY,
            Action::Cancel => sql::CANCEL,
            Action::WriteOff => sql::WRITE_OFF,
            Action::Accept => sql::ACCEPT,
        };
        let params: [Param; 3] = [(&id, Type::UUID), (&reason, Type::TEXT), (&who, Type::TEXT)];
        let rows = self.ask(text, &params).await?;
        match rows.first() {
            Some(row) => Ok(get(row, "status")?),
            None => Err(DbError::Contract("an action returned nothing".to_owned()).into()),
        }
    }

    /// Number and sum of payments by status and token.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn stats(&self) -> Result<Vec<Value>, DeskError> {
        let rows = self.ask(sql::STATS, &[]).await?;
        rows.iter().map(|row| Ok(get(row, "row")?)).collect()
    }

    /// Every payment that fits, oldest first, one JSON object at a time and all from one snapshot.
    ///
    /// # Errors
    /// [`DeskError`], also between payments.
    pub async fn export_json(
        &self,
        filter: &Filter,
    ) -> Result<impl Stream<Item = Result<Value, DeskError>> + use<>, DeskError> {
        let text = format!(
            "{} ORDER BY p.created_at, p.id",
            sql::payments(&self.ledger, filter)
        );
        let none: [Param; 0] = [];
        let rows = self.client.query_typed_raw(&text, none).await.map_err(refusal)?;
        Ok(rows.map(|row| Ok(get(&row.map_err(refusal)?, "row")?)))
    }

    /// The same as CSV with a header line, in pieces of any size.
    ///
    /// # Errors
    /// [`DeskError`], also between pieces.
    pub async fn export_csv(
        &self,
        filter: &Filter,
    ) -> Result<impl Stream<Item = Result<Bytes, DeskError>> + use<>, DeskError> {
        let copy = sql::copy_csv(&self.ledger, filter);
        let pieces = self.client.copy_out(&copy).await.map_err(refusal)?;
        Ok(pieces.map_err(refusal))
    }

    async fn ask(&self, text: &str, params: &[Param<'_>]) -> Result<Vec<Row>, DeskError> {
        self.client.query_typed(text, params).await.map_err(refusal)
    }
}

type Param<'a> = (&'a (dyn ToSql + Sync), Type);

fn refusal(error: tokio_postgres::Error) -> DeskError {
    let ours = |code: &str| code.starts_with("X4") || matches!(code, "P0002" | "22023");
    match error.as_db_error().filter(|db| ours(db.code().code())) {
        Some(db) => DeskError::Refused {
            message: db.message().to_owned(),
            hint: db.hint().map(|hint| hint.trim_end_matches('.').to_owned()),
        },
        None => DbError::from(error).into(),
    }
}
