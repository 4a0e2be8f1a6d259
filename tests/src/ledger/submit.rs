use anyhow::Result;
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

/// What the database says when it does not take a payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sqlstate} {reason}: {text}")]
pub struct Refused {
    /// SQLSTATE; class X4 for everything that is wrong with the payment.
    pub sqlstate: String,
    /// The x402 reason code in front of the message.
    pub reason: String,
    /// The rest of the message.
    pub text: String,
}

/// Submits a payment for `resource`.
///
/// # Errors
/// [`Refused`] as the database words it; anything else is a lost connection.
pub async fn submit(client: &Client, payment: &Value, requirements: &Value, resource: &str) -> Result<Uuid> {
    let submitted = client
        .query_one(
            "SELECT x402.submit($1, $2, $3)",
            &[payment, requirements, &resource],
        )
        .await;
    match submitted {
        Ok(row) => Ok(row.try_get(0)?),
        Err(error) => match error.as_db_error() {
            Some(refused) => {
                let (reason, text) = refused
                    .message()
                    .split_once(": ")
                    .unwrap_or(("", refused.message()));
                let sqlstate = refused.code().code().to_owned();
                Err(Refused {
                    sqlstate,
                    reason: reason.to_owned(),
                    text: text.to_owned(),
                }
                .into())
            }
            None => Err(error.into()),
        },
    }
}
