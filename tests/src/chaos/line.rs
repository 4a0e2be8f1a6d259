use std::time::Duration;

use alloy_primitives::hex;
use anyhow::{Context, Result};
use serde_json::Value;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::buyer::{Form, Signed};
use crate::ledger::{self, Refused};
use crate::standin::SettleSeen;
use crate::wait::wait_until;

/// Longer than a restart of the server.
const PATIENCE: Duration = Duration::from_secs(60);
/// For questions that are not worth waiting for.
const HASTE: Duration = Duration::from_millis(500);

/// A connection to the database that is made anew when it breaks, as an app's is.
pub(super) struct Line {
    url: String,
    client: Option<Client>,
}

impl Line {
    pub(super) fn new(url: &str) -> Line {
        Line {
            url: url.to_owned(),
            client: None,
        }
    }

    pub(super) async fn client(&mut self) -> Result<&Client> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
            tokio::spawn(connection);
            self.client = Some(client);
        }
        self.client.as_ref().context("no connection")
    }

    /// Submits until the database has acknowledged or refused it: whoever got no answer asks again.
    pub(super) async fn submit(&mut self, signed: &Signed, form: Form) -> Result<Result<Uuid, Refused>> {
        let (payment, requirements) = (signed.payment(form), signed.requirements(form));
        let line = tokio::sync::Mutex::new(self);
        let attempt = || async {
            let mut line = line.lock().await;
            line.attempt(&payment, &requirements, &signed.offer.resource)
                .await
                .map(Some)
        };
        wait_until(PATIENCE, "an answer to x402.submit()", attempt).await
    }

    async fn attempt(
        &mut self,
        payment: &Value,
        requirements: &Value,
        resource: &str,
    ) -> Result<Result<Uuid, Refused>> {
        let client = self.client().await?;
        match ledger::submit(client, payment, requirements, resource).await {
            Ok(id) => Ok(Ok(id)),
            Err(error) => match error.downcast::<Refused>() {
                // Anything else that a server says is about itself, such as that it is shutting down.
                Ok(refused) if refused.sqlstate.starts_with("X4") => Ok(Err(refused)),
                Ok(refused) => Err(refused.into()),
                Err(error) => Err(error),
            },
        }
    }

    /// Who works on the payment, if the database says so at once.
    pub(super) async fn holder(&mut self, seen: &SettleSeen) -> Option<String> {
        let sql = "SELECT q.leased_by FROM x402.queue q JOIN x402_payments p ON p.id = q.payment_id
                   WHERE p.payer_address = $1 AND p.nonce = $2";
        let (payer, nonce) = (hex::encode_prefixed(seen.payer), hex::encode_prefixed(seen.nonce));
        let asked = async {
            let row = self.client().await?.query_one(sql, &[&payer, &nonce]).await?;
            anyhow::Ok(row.try_get::<_, Option<String>>(0)?)
        };
        tokio::time::timeout(HASTE, asked).await.ok()?.ok()?
    }

    /// Runs a statement; what it does not reach is not missed.
    pub(super) async fn try_run(&mut self, sql: &str, remainder: i32) -> bool {
        let run = async {
            let client = self.client().await?;
            client.query(sql, &[&remainder]).await.context("not run")
        };
        matches!(tokio::time::timeout(HASTE, run).await, Ok(Ok(_)))
    }
}
