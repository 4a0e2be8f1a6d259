use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::contract::CHANNEL_PAYMENTS;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use super::connect::PgConnection;
use super::{Connector, DbError, sql};
use crate::selling::{Change, Outcomes};
use crate::settle::backoff;
use crate::tasks::Part;

/// Delay before the first reconnect; doubled up to [`RECONNECT_CAP`].
const RECONNECT_BASE: Duration = Duration::from_millis(50);
/// Longest delay between reconnects. Those who wait look at the row often meanwhile, which costs queries.
const RECONNECT_CAP: Duration = Duration::from_secs(2);

/// Hears what becomes of payments, on a connection of its own.
pub struct Changes {
    connector: Connector,
    outcomes: Arc<Outcomes>,
    ping_interval: Duration,
}

impl Changes {
    /// Hands every change to `outcomes`. The connection is tested every `ping_interval`, with the same time
    /// to answer: nothing else would notice a half-open socket.
    pub fn new(connector: Connector, outcomes: Arc<Outcomes>, ping_interval: Duration) -> Self {
        Self {
            connector,
            outcomes,
            ping_interval,
        }
    }

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

    async fn deliver(&self, connection: &mut PgConnection) -> DbError {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(heard))) if heard.channel() == CHANNEL_PAYMENTS => {
                    match read(heard.payload()) {
                        Some(change) => self.outcomes.publish(change),
                        None => debug!("a notification was not understood"),
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return DbError::from(error),
                None => return DbError::Broken("closed".to_owned()),
            }
        }
    }

    async fn keep_alive(&self, client: &Client) -> DbError {
        match timeout(self.ping_interval, client.batch_execute(sql::LISTEN_PAYMENTS)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return DbError::from(error),
            Err(_) => return DbError::Timeout(self.ping_interval),
        }
        self.outcomes.set_listening(true);
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

impl Part for Changes {
    /// Listens until stopped, through any number of connections.
    async fn run(&self, stop: CancellationToken) {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let ended = tokio::select! {
                () = stop.cancelled() => break,
                ended = self.session() => ended,
            };
            failures = if self.outcomes.is_listening() {
                warn!(reason = %ended, "changes of payments are not heard; looking at rows instead");
                0
            } else {
                failures + 1
            };
            self.outcomes.set_listening(false);
            let delay = backoff::full_jitter(failures, RECONNECT_BASE, RECONNECT_CAP, rand::random());
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(delay) => {}
            }
        }
        self.outcomes.set_listening(false);
    }
}

/// `{id, status, network, tx_hash}`.
fn read(payload: &str) -> Option<Change> {
    let change: Value = serde_json::from_str(payload).ok()?;
    let text = |member: &str| change.get(member).and_then(Value::as_str);
    Some(Change {
        id: Uuid::parse_str(text("id")?).ok()?,
        status: text("status")?.parse().ok()?,
        tx_hash: text("tx_hash").map(str::to_owned),
        is_ours: false,
    })
}

#[cfg(test)]
mod tests {
    use insforge_protocol::ledger::Status;

    use super::*;

    #[test]
    fn a_notification_is_read_and_nonsense_is_not() {
        let id = Uuid::from_u128(5);
        let payload =
            format!(r#"{{"id":"{id}","status":"settled","network":"eip155:196","tx_hash":"0xab"}}"#);
        let expected = Change {
            id,
            status: Status::Settled,
            tx_hash: Some("0xab".into()),
            is_ours: false,
        };
        assert_eq!(read(&payload), Some(expected));
        for nonsense in ["", "{}", r#"{"id":"x","status":"settled"}"#] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
