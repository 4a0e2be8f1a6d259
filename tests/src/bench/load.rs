use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Statement};

use crate::cluster::Database;

/// Connections that send one statement each, over and over, each waiting for its answer.
pub(super) struct Clients {
    clients: Vec<(Arc<Client>, Statement)>,
}

/// Runs one prepared statement for one item.
pub(super) type One<T> = for<'a> fn(
    &'a Client,
    &'a Statement,
    &'a T,
)
    -> futures_util::future::BoxFuture<'a, Result<(), tokio_postgres::Error>>;

impl Clients {
    /// `count` connections with `sql` prepared.
    pub(super) async fn connect(database: &Database, count: usize, sql: &str) -> Result<Clients> {
        let mut clients = Vec::with_capacity(count);
        for _ in 0..count {
            let client = Arc::new(database.client().await?);
            let statement = client.prepare(sql).await.context("preparing")?;
            clients.push((client, statement));
        }
        Ok(Clients { clients })
    }

    /// Sends all items, each once, and returns how long that took.
    pub(super) async fn work<T>(&self, items: Arc<Vec<T>>, send: One<T>) -> Result<Duration>
    where
        T: Send + Sync + 'static,
    {
        let next = Arc::new(AtomicUsize::new(0));
        let ready = Arc::new(Barrier::new(self.clients.len() + 1));
        let mut tasks = JoinSet::new();
        for (client, statement) in self.clients.clone() {
            let (items, next, ready) = (items.clone(), next.clone(), ready.clone());
            tasks.spawn(async move {
                ready.wait().await;
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    send(&client, &statement, item).await?;
                }
                Ok::<_, tokio_postgres::Error>(())
            });
        }
        ready.wait().await;
        let started = Instant::now();
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(started.elapsed())
    }
}
