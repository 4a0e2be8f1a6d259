use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::claims::USER;

/// Rows that belong to the caller.
pub(super) const ROWS_OF_USER: i64 = 1_000;

/// Makes the tables and the functions to compare with, and returns the condition that the generator writes.
/// No table keeps an index on the column: the question is what a row costs.
pub(super) async fn fill(client: &Client, rows: i64) -> Result<String> {
    client.batch_execute(FUNCTIONS).await?;
    for (table, kind) in [("notes", "text"), ("notes_by_uuid", "uuid")] {
        let others = "md5((n % 1000)::text)::uuid::text";
        let create = format!(
            "CREATE TABLE {table} (id bigint NOT NULL, user_id {kind} NOT NULL);
             INSERT INTO {table} SELECT n, (CASE WHEN n % ({rows} / {ROWS_OF_USER}) = 0 THEN '{USER}' ELSE {others} END)::{kind}
             FROM generate_series(1, {rows}) n"
        );
        client.batch_execute(&create).await?;
    }
    let written = generated(client).await?;
    for table in ["notes", "notes_by_uuid"] {
        let policy = format!(
            "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; GRANT SELECT ON {table} TO authenticated;
             CREATE POLICY measured ON {table} FOR SELECT TO authenticated USING (false)"
        );
        client.batch_execute(&policy).await?;
    }
    client.batch_execute("VACUUM ANALYZE").await?;
    client.batch_execute("CHECKPOINT").await?;
    Ok(written)
}

/// Lets the generator protect the table, reads what it wrote, and takes it away with its index.
async fn generated(client: &Client) -> Result<String> {
    client
        .batch_execute("SELECT insforge.create_policies('notes', 'owner', '{\"index\": false}')")
        .await?;
    let sql = "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'notes'::regclass AND polcmd = 'r'";
    let written = client
        .query_one(sql, &[])
        .await?
        .try_get(0)
        .context("the generator's policy")?;
    client
        .batch_execute("SELECT insforge.drop_policies('notes')")
        .await?;
    Ok(written)
}

/// The function as guides for third-party sign-in have it, and the same in plpgsql.
const FUNCTIONS: &str = "
CREATE FUNCTION guide_user_id() RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT nullif(auth.jwt() ->> 'sub', '')::text $$;
CREATE FUNCTION plpgsql_user_id() RETURNS text LANGUAGE plpgsql STABLE AS
  $$ BEGIN RETURN nullif(current_setting('request.jwt.claims', true)::json ->> 'sub', ''); END $$;
";
