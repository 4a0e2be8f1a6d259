use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{
    self, Manager, Metrics, Object, PoolConfig, QueueMode, RecycleError, RecycleResult, Timeouts,
};
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
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

impl Manager for Connections {
    type Type = Client;
    type Error = DbError;

    async fn create(&self) -> Result<Client, DbError> {
        let (client, connection) = self.connector.connect().await?;
        self.tasks.spawn("database connection", async move {
            if let Err(error) = connection.await {
                debug!(error = %DbError::from(error), "a database connection ended");
            }
        });
        Ok(client)
    }

    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<DbError> {
        if client.is_closed() {
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
            // The one used last: its server process has the plans, and what they read, at hand.
            queue_mode: QueueMode::Lifo,
            ..PoolConfig::new(size)
        };
        let pool = managed::Pool::builder(Connections { connector, tasks })
            .config(config)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| DbError::Contract(error.to_string()))?;
        Ok(Self { pool, limit, health })
    }

    /// Runs one statement in one round trip. Statements are not prepared: names of
    /// prepared ones are the same in every process, and behind a pooler that switches servers the name may be
    /// that of another process's statement there. An intent would be taken for a release.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, DbError> {
        let result = self.try_query(sql, params).await;
        match &result {
            Ok(_) => self.health.database.succeeded(),
            Err(error) => self.health.database.failed(error),
        }
        result
    }

    async fn try_query(
        &self,
        sql: &'static str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, DbError> {
        let client = self.pool.get().await.map_err(|error| match error {
            managed::PoolError::Backend(error) => error,
            managed::PoolError::Timeout(_) => DbError::Timeout(self.limit),
            other => DbError::Contract(other.to_string()),
        })?;
        let error = match timeout(self.limit, client.query_typed(sql, params)).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => DbError::from(error),
            Err(_) => DbError::Timeout(self.limit),
        };
        if error.spoils_connection() {
            drop(Object::take(client));
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
