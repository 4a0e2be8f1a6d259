use std::error::Error;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::settle::LedgerError;

/// What went wrong with the database. Texts hold neither values of rows (`DETAIL` is left out, it quotes
/// them) nor passwords.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// No host could be connected to; one line for each.
    #[error("no connection: {0}")]
    Connect(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// No answer in time; the connection was given up.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The server reported an error.
    #[error("{message} ({code}){}", remedy(code))]
    Server {
        /// SQLSTATE.
        code: String,
        /// The primary message.
        message: String,
    },
    /// An answer that is not of the agreed form: extension and sidecar do not belong together.
    #[error("unexpected answer: {0}; extension and sidecar must be of the same release")]
    Contract(String),
}

impl DbError {
    /// Whether the connection it happened on must not be used again. After a failover the old primary
    /// answers, but writes nothing any more.
    pub(super) fn spoils_connection(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Broken(_) | Self::Timeout(_) => true,
            Self::Server { code, .. } => code == "25006" || code.starts_with("57P") || code.starts_with("08"),
            Self::Contract(_) => false,
        }
    }

    /// Whether these very values are at fault: data exceptions, constraints, and what our own functions
    /// raise. Everything else may pass, or be put right by an operator.
    pub(super) fn blames_values(&self) -> bool {
        match self {
            Self::Server { code, .. } => ["22", "23", "P0", "X4"]
                .iter()
                .any(|class| code.starts_with(class)),
            _ => false,
        }
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return Self::Server {
                code: db.code().code().to_owned(),
                message: db.message().to_owned(),
            };
        }
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Broken(text)
    }
}

/// Why a host could not be connected to.
pub(super) fn connect_cause(error: tokio_postgres::Error) -> String {
    match DbError::from(error) {
        DbError::Broken(cause) => cause,
        other => other.to_string(),
    }
}

impl From<DbError> for LedgerError {
    fn from(error: DbError) -> Self {
        if error.blames_values() {
            Self::Refused(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

fn remedy(code: &str) -> &'static str {
    let state = SqlState::from_code(code);
    if [
        SqlState::UNDEFINED_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
        SqlState::UNDEFINED_TABLE,
    ]
    .contains(&state)
    {
        "; run CREATE EXTENSION insforge_integrations in this database"
    } else if state == SqlState::INSUFFICIENT_PRIVILEGE {
        "; run SELECT insforge.grant_sidecar('role of the sidecar') as the owner"
    } else if state == SqlState::READ_ONLY_SQL_TRANSACTION {
        "; the server is a standby or read-only"
    } else if state == SqlState::TOO_MANY_CONNECTIONS {
        "; lower database.pool_size or raise max_connections"
    } else {
        ""
    }
}
