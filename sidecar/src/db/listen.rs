use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::contract::CHANNEL_PENDING;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::connect::PgConnection;
use super::{Connector, DbError, sql};
use crate::bell::Bell;
use crate::health::Health;
use crate::settle::backoff;
use crate::tasks::Part;

/// Delay before the first reconnect; doubled up to [`RECONNECT_CAP`].
const RECONNECT_BASE: Duration = Duration::from_millis(50);
/// Longest delay between reconnects: polling covers for the listener meanwhile, but costs queries.
const RECONNECT_CAP: Duration = Duration::from_secs(2);

/// Hears the doorbell on a connection of its own.
pub struct Listener {
    connector: Connector,
    bell: Arc<Bell>,
    health: Arc<Health>,
    ping_interval: Duration,
}

impl Listener {
    /// Rings `bell`. The connection is tested every `ping_interval`, with the same time to answer.
    pub fn new(connector: Connector, bell: Arc<Bell>, health: Arc<Health>, ping_interval: Duration) -> Self {
        Self {
            connector,
            bell,
            health,
            ping_interval,
        }
    }

    /// One connection, from connecting to its end; returns why it ended.
    async fn session(&self) -> DbError {
        let (client, mut connection) = match self.connector.connect().await {
            Ok(connected) => connected,
            Err(error) => return error,
        };
        tokio::select! {
            error = self.deliver(&mut connection) => error,
            error = self.keep_alive(&client) => error,
        }
    }

    /// Drives the connection and rings the bell for every notification.
    async fn deliver(&self, connection: &mut PgConnection) -> DbError {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(heard))) if heard.channel() == CHANNEL_PENDING => {
                    self.bell.ring();
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return DbError::from(error),
                None => return DbError::Broken("closed".to_owned()),
            }
        }
    }

    /// Listens, says so, then pings. Listening comes before the dispatcher's scan: a payment that commits
    /// in between is either seen by the scan or rings. The ping is a bare `Sync`, which the server answers
    /// without a query or a transaction; nothing else would notice a half-open socket.
    async fn keep_alive(&self, client: &Client) -> DbError {
        match timeout(self.ping_interval, client.batch_execute(sql::LISTEN)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return DbError::from(error),
            Err(_) => return DbError::Timeout(self.ping_interval),
        }
        debug!("listening");
        self.health.listener.succeeded();
        self.bell.set_listening(true);
        loop {
            sleep(self.ping_interval).await;
            match timeout(self.ping_interval, client.check_connection()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return DbError::from(error),
                Err(_) => return DbError::Timeout(self.ping_interval),
            }
        }
    }
}

impl Part for Listener {
    /// Listens until stopped, through any number of connections.
    async fn run(&self, stop: CancellationToken) {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let ended = tokio::select! {
                () = stop.cancelled() => break,
                ended = self.session() => ended,
            };
            // A session that was up starts the count again.
            failures = if self.health.listener.is_up() {
                0
            } else {
                failures + 1
            };
            self.bell.set_listening(false);
            self.health.listener.failed(&ended);
            let delay = backoff::full_jitter(failures, RECONNECT_BASE, RECONNECT_CAP, rand::random());
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(delay) => {}
            }
        }
        self.bell.set_listening(false);
    }
}
