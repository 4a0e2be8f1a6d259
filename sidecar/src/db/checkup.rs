//! What `doctor` asks the database.

use std::future::poll_fn;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client};

use super::rows::get;
use super::{Connector, DbError};
use crate::config::DatabaseSettings;
use crate::tls::TlsError;

/// Functions that the sidecar calls, by name: whoever may execute them may run it. A test compares the list with
/// the statements.
const NEEDED: &[&str] = &[
    "x402.claim",
    "x402.claim_to_settle",
    "x402.begin_settle",
    "x402.finish",
    "x402.extend_leases",
    "x402.release",
    "x402.next_due",
    "x402.take_tokens",
    "x402.hold_tokens",
    "x402.submit",
    "x402.sale",
    "x402.sell",
    "x402.sell_many",
    "x402.examine",
    "x402.claim_delivery",
    "x402.extend_delivery",
    "x402.answer_deliveries",
    "x402.settle_now",
    "x402.mark_delivered",
    "x402.abandon_delivery",
    "x402.purge_answers",
    "x402.is_recorded",
    "x402.unproven",
    "x402.confirm",
    "x402.scan_claim",
    "x402.scan_advance",
    "x402.scan_targets",
    "x402.record_transfers",
    "x402.explain",
    "x402.retry",
    "x402.cancel",
    "x402.write_off",
    "x402.accept",
    "x402.stats",
    "insforge.record_exchanges",
    "insforge.store_keys",
    "insforge.keep_providers",
];

/// Tables that the sidecar reads.
const READ: &[&str] = &[
    "x402.queue",
    "x402.authorizations",
    "x402.events",
    "x402.vouched_assets",
];

const FACTS: &str = "
SELECT pg_catalog.current_setting('server_version_num')::int AS version,
  (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'insforge_integrations') AS installed,
  (SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'insforge_integrations') AS available,
  r.rolname::text AS role, r.rolsuper AS superuser, r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb AS powerful,
  coalesce((SELECT pg_catalog.pg_has_role(r.oid, e.extowner, 'USAGE') FROM pg_catalog.pg_extension e
    WHERE e.extname = 'insforge_integrations'), false) AS owner,
  ARRAY(SELECT f.name FROM pg_catalog.unnest($1::text[]) AS f (name) WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname || '.' || p.proname = f.name)) AS missing,
  ARRAY(SELECT f.name FROM pg_catalog.unnest($1::text[]) AS f (name) WHERE EXISTS (
    SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname || '.' || p.proname = f.name AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')))
  || ARRAY(SELECT t.name FROM pg_catalog.unnest($2::text[]) AS t (name)
    WHERE pg_catalog.to_regclass(t.name) IS NOT NULL
      AND NOT pg_catalog.has_table_privilege(pg_catalog.to_regclass(t.name), 'SELECT')) AS forbidden,
  pg_catalog.current_setting('max_connections')::int - (
    SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')::int AS free
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";

/// What is true of the database and of our role in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// As in `server_version_num`: 150008 is 15.8.
    pub version: i32,
    /// Version of the extension, if it is installed.
    pub installed: Option<String>,
    /// Version that could be installed, if any.
    pub available: Option<String>,
    /// Whom we are logged in as.
    pub role: String,
    /// A superuser.
    pub superuser: bool,
    /// May pass by row-level security, or make roles or databases.
    pub powerful: bool,
    /// May act as the extension's owner.
    pub owner: bool,
    /// Functions that the sidecar calls and that do not exist.
    pub missing: Vec<String>,
    /// Functions and tables that we may not use.
    pub forbidden: Vec<String>,
    /// Connections that are left on the server.
    pub free: i32,
}

/// A connection that examines the database.
pub struct Checkup {
    settings: DatabaseSettings,
    client: Client,
}

impl Checkup {
    /// Connects.
    ///
    /// # Errors
    /// [`TlsError`] when `sslrootcert` cannot be used, else [`DbError`].
    pub async fn open(settings: &DatabaseSettings) -> Result<Result<Self, DbError>, TlsError> {
        let connector = Connector::new(settings, "doctor")?;
        Ok(connector.connect().await.map(|(client, connection)| {
            tokio::spawn(connection);
            Self {
                settings: settings.clone(),
                client,
            }
        }))
    }

    /// Looks up what is true.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn facts(&self) -> Result<Facts, DbError> {
        let row = self.client.query_one(FACTS, &[&NEEDED, &READ]).await?;
        Ok(Facts {
            version: get(&row, "version")?,
            installed: get(&row, "installed")?,
            available: get(&row, "available")?,
            role: get(&row, "role")?,
            superuser: get(&row, "superuser")?,
            powerful: get(&row, "powerful")?,
            owner: get(&row, "owner")?,
            missing: get(&row, "missing")?,
            forbidden: get(&row, "forbidden")?,
            free: get(&row, "free")?,
        })
    }

    /// By how many milliseconds the database's clock is ahead of ours, give or take half the way there and back.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn clock_offset_ms(&self) -> Result<i64, DbError> {
        let text = "SELECT EXTRACT(epoch FROM pg_catalog.clock_timestamp())::float8 AS now";
        let asked = Instant::now();
        let row = self.client.query_one(text, &[]).await?;
        let half = asked.elapsed() / 2;
        let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let theirs: f64 = get(&row, "now")?;
        let offset = theirs - ours.saturating_sub(half).as_secs_f64();
        Ok((offset * 1000.0) as i64)
    }

    /// Whether a notification reaches a connection that listens, as the doorbell must. A pooler that gives every
    /// transaction another server connection breaks that without an error.
    ///
    /// # Errors
    /// [`DbError::Timeout`] when it does not arrive, else what went wrong.
    pub async fn is_heard(&self, patience: Duration) -> Result<(), DbError> {
        let connector = Connector::new(&self.settings, "doctor");
        let connector = connector.map_err(|error| DbError::Connect(error.to_string()))?;
        let (client, mut connection) = connector.connect().await?;
        let channel = format!("insforge_doctor_{}", std::process::id());
        let hearing = async {
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    Some(Ok(AsyncMessage::Notification(_))) => return Ok(()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(DbError::from(error)),
                    None => return Err(DbError::Broken("closed".to_owned())),
                }
            }
        };
        let ringing = async {
            client.batch_execute(&format!("LISTEN {channel}")).await?;
            self.client
                .execute("SELECT pg_catalog.pg_notify($1, '')", &[&channel])
                .await?;
            std::future::pending::<()>().await;
            Ok::<_, DbError>(())
        };
        tokio::select! {
            heard = hearing => heard,
            failed = ringing => failed,
            () = tokio::time::sleep(patience) => Err(DbError::Timeout(patience)),
        }
    }

    /// Networks, schemes and tokens of the payments that wait: what the facilitator must be able to settle.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn waiting_kinds(&self) -> Result<Vec<(String, String)>, DbError> {
        let text = "SELECT DISTINCT a.requirements ->> 'network' AS network, a.requirements ->> 'scheme' AS scheme
            FROM x402.queue q JOIN x402.authorizations a USING (payment_id) WHERE q.status = 'pending' LIMIT 20";
        let rows = timeout(Duration::from_secs(10), self.client.query(text, &[])).await;
        let rows = rows.map_err(|_| DbError::Timeout(Duration::from_secs(10)))??;
        let mut kinds = Vec::new();
        for row in &rows {
            if let (Some(network), Some(scheme)) = (get(row, "network")?, get(row, "scheme")?) {
                kinds.push((network, scheme));
            }
        }
        Ok(kinds)
    }

    /// Token domains that the operator vouches for: network, asset, name, version.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn vouched(&self) -> Result<Vec<Value>, DbError> {
        let text = "SELECT pg_catalog.to_jsonb(v) AS row FROM x402.vouched_assets v";
        let rows = self.client.query(text, &[]).await?;
        rows.iter().map(|row| get(row, "row")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_that_a_statement_calls_is_looked_for() {
        let statements = [include_str!("sql.rs"), include_str!("desk_sql.rs")].concat();
        let lines = statements
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let statements = lines.collect::<Vec<_>>().join("\n");
        for schema in ["x402.", "insforge."] {
            for (at, _) in statements.match_indices(schema) {
                let rest = &statements[at..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
                let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
                if after.starts_with('(') {
                    assert!(NEEDED.contains(&name), "{name} is called and not looked for");
                }
            }
        }
    }
}
