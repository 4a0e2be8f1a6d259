use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Manager, Metrics, Object, PoolConfig, RecycleError, RecycleResult, Timeouts};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};
use tracing::debug;

use super::{Connector, DbError};
use crate::health::Health;
use crate::tasks::TaskGroup;

/// Connections for statements. Keeps the health of the database up to date.
#[derive(Clone)]
pub struct Pool {
    pool: managed::Pool<Connections>,
    limit: Duration,
    health: Arc<Health>,
}

struct Connections {
    connector: Connector,
    tasks: TaskGroup,
}

/// A connection, and what was prepared on it: a fifth of a short statement's time is reading it.
struct Session {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

/// Values and their types.
type Params<'a> = [(&'a (dyn ToSql + Sync), Type)];

impl Manager for Connections {
    type Type = Session;
    type Error = DbError;

    async fn create(&self) -> Result<Session, DbError> {
        let (client, connection) = self.connector.connect().await?;
        self.tasks.spawn("database connection", async move {
            if let Err(error) = connection.await {
                debug!(error = %DbError::from(error), "a database connection ended");
            }
        });
        Ok(Session {
            client,
            prepared: HashMap::new(),
        })
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<DbError> {
        if session.client.is_closed() {
            Err(RecycleError::message("closed"))
        } else {
            Ok(())
        }
    }
}

impl Pool {
    /// A pool that connects when the first statement is run. `limit` is the time for one statement.
    ///
    /// # Errors
    /// [`DbError::Contract`] never in practice: the pool's own settings are fixed.
    pub fn new(
        connector: Connector,
        size: usize,
        limit: Duration,
        health: Arc<Health>,
        tasks: TaskGroup,
    ) -> Result<Self, DbError> {
        let timeouts = Timeouts {
            wait: Some(limit),
            create: None,
            recycle: None,
        };
        let config = PoolConfig {
            timeouts,
            ..PoolConfig::new(size)
        };
        let pool = managed::Pool::builder(Connections { connector, tasks })
            .config(config)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| DbError::Contract(error.to_string()))?;
        Ok(Self { pool, limit, health })
    }

    /// Runs one statement in one round trip; in two where this connection has not prepared it yet.
    pub(super) async fn query(&self, sql: &'static str, params: &Params<'_>) -> Result<Vec<Row>, DbError> {
        let result = self.try_query(sql, params).await;
        match &result {
            Ok(_) => self.health.database.succeeded(),
            Err(error) => self.health.database.failed(error),
        }
        result
    }

    async fn try_query(&self, sql: &'static str, params: &Params<'_>) -> Result<Vec<Row>, DbError> {
        let mut session = self.pool.get().await.map_err(|error| match error {
            managed::PoolError::Backend(error) => error,
            managed::PoolError::Timeout(_) => DbError::Timeout(self.limit),
            other => DbError::Contract(other.to_string()),
        })?;
        let error = match timeout(self.limit, session.query(sql, params)).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => DbError::from(error),
            Err(_) => DbError::Timeout(self.limit),
        };
        if error.spoils_connection() {
            drop(Object::take(session));
            // Its siblings reached the same server, which is going away or may not write any more.
            self.pool.retain(|_, _| false);
        }
        Err(error)
    }

    /// Closes idle connections and gives out no more.
    pub fn close(&self) {
        self.pool.close();
    }
}

impl Session {
    async fn query(
        &mut self,
        sql: &'static str,
        params: &Params<'_>,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let (values, types): (Vec<_>, Vec<_>) = params.iter().cloned().unzip();
        if let Some(statement) = self.prepared.get(sql) {
            match self.client.query(statement, &values).await {
                Err(error) if is_outdated(&error) => drop(self.prepared.remove(sql)),
                result => return result,
            }
        }
        let statement = self.client.prepare_typed(sql, &types).await?;
        let rows = self.client.query(&statement, &values).await?;
        self.prepared.insert(sql, statement);
        Ok(rows)
    }
}

/// The server does not know the statement, or the extension was upgraded since and the function returns other
/// columns. Whatever it had begun is rolled back, and it can be prepared anew.
fn is_outdated(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [
            SqlState::INVALID_SQL_STATEMENT_NAME,
            SqlState::FEATURE_NOT_SUPPORTED,
        ]
        .contains(code)
    })
}
