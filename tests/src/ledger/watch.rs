use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls, Notification};
use uuid::Uuid;

use super::row::{Row, row};

/// A connection that listens on a channel, and looks into the ledger.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    notifications: mpsc::UnboundedReceiver<Notification>,
}

impl Watch {
    /// Listens for changes of payments.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn payments(url: &str) -> Result<Watch> {
        Watch::channel(url, "x402_payments").await
    }

    /// Listens on any channel.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn channel(url: &str, channel: &str) -> Result<Watch> {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.context("watching")?;
        let (heard, notifications) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(notification) = message
                    && heard.send(notification).is_err()
                {
                    return;
                }
            }
        });
        client.batch_execute(&format!("LISTEN {channel}")).await?;
        Ok(Watch {
            client,
            notifications,
        })
    }

    /// The connection, for questions.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Everything that has been heard by now and was not taken yet.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn heard(&mut self) -> Result<Vec<String>> {
        // Notifications are delivered before the answer of a later statement.
        self.client.batch_execute("SELECT 1").await?;
        let mut all = Vec::new();
        while let Ok(notification) = self.notifications.try_recv() {
            all.push(notification.payload().to_owned());
        }
        Ok(all)
    }

    /// Waits for the next notification.
    ///
    /// # Errors
    /// None comes within `deadline`, or the connection is lost.
    pub async fn changed(&mut self, deadline: Duration) -> Result<()> {
        self.next(deadline).await.map(drop)
    }

    /// Waits for the next notification, and returns what it says.
    ///
    /// # Errors
    /// None comes within `deadline`, or the connection is lost.
    pub async fn next(&mut self, deadline: Duration) -> Result<String> {
        let heard = tokio::time::timeout(deadline, self.notifications.recv()).await;
        let heard = heard.with_context(|| format!("not within {deadline:?}: a notification"))?;
        let heard = heard.context("the connection is lost")?;
        Ok(heard.payload().to_owned())
    }

    /// Waits until a payment has one of these statuses, and returns it.
    ///
    /// # Errors
    /// It has not within `deadline`; what it has instead is part of the message.
    pub async fn status(&mut self, id: Uuid, wanted: &[&str], deadline: Duration) -> Result<Row> {
        let waiting = async {
            loop {
                let row = row(&self.client, id).await?;
                if wanted.contains(&row.status.as_str()) {
                    return Ok(row);
                }
                self.notifications
                    .recv()
                    .await
                    .context("the connection is lost")?;
            }
        };
        match tokio::time::timeout(deadline, waiting).await {
            Ok(reached) => reached,
            Err(_) => bail!(
                "not within {deadline:?}: {wanted:?}; it is {:?}",
                row(&self.client, id).await?
            ),
        }
    }
}
