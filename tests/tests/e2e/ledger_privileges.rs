//! What roles try on the ledger of an InsForge database, whose default privileges would let them.

use anyhow::Result;
use insforge_tests::buyer::{Buyer, Form, Offer};
use insforge_tests::cluster::Template;
use insforge_tests::ledger;
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::rls_support::{Sandbox, Session};

/// Roles without any grant of ours.
const ORDINARY: [&str; 3] = ["anon", "authenticated", "ledger_stranger"];
const PRIVATE: [&str; 6] = [
    "x402.authorizations",
    "x402.queue",
    "x402.events",
    "x402.vouched_assets",
    "x402.settings",
    "x402.scan_cursors",
];
/// A row of the guide's server code.
const GUIDE_ROW: &str =
    "INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xAb', '/x', '1', '0xAA')";
const WORKERS_CALLS: [&str; 18] = [
    "x402.submit('{}', '{}')",
    "x402.claim('eve', 1, '1 min')",
    "x402.claim_to_settle('eve', 1, '1 min')",
    "x402.begin_settle('{}', '{}')",
    "x402.finish('[]')",
    "x402.extend_leases('{}', '{}', '1 min')",
    "x402.release('{}', '{}')",
    "x402.next_due()",
    "x402.confirm('[]')",
    "x402.record_transfers('[]')",
    "x402.record_settled('0x', '/', '1', '0x')",
    "x402.retry(gen_random_uuid(), 'x')",
    "x402.write_off(gen_random_uuid(), 'x')",
    "x402.explain(gen_random_uuid())",
    "x402.stats()",
    "x402.claim_delivery(gen_random_uuid(), 'eve', '1 min', true)",
    "x402.mark_delivered(gen_random_uuid())",
    "x402.sell_many('[]', 'eve', '1 min')",
];
const OWNERS_CALLS: [&str; 6] = [
    "x402.expose_ledger('public')",
    "x402.adopt_ledger()",
    "x402._must_not_drop('schema', 'public')",
    "x402._publish('INSERT_x402_payments', '{}')",
    "x402._ring(0)",
    "insforge.grant_sidecar('anon')",
];

/// An InsForge database with a pending payment and one of the guide's rows.
pub(crate) async fn paid() -> Result<(Sandbox, Uuid)> {
    let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
    sandbox
        .run(
            "DO $$ BEGIN CREATE ROLE ledger_stranger LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$",
        )
        .await?;
    sandbox.run(GUIDE_ROW).await?;
    let id = submit(&sandbox).await?;
    Ok((sandbox, id))
}

async fn submit(session: &Session) -> Result<Uuid> {
    let signed = Buyer::new().pay(&Offer::usdg());
    let (payment, requirements) = (signed.payment(Form::V2), signed.requirements(Form::V2));
    ledger::submit(&session.client, &payment, &requirements, "/report").await
}

async fn login(sandbox: &Sandbox, role: &str) -> Result<Session> {
    let url = sandbox.db.server().url(role, &sandbox.db.name);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
    tokio::spawn(connection);
    Ok(Session { client })
}

/// Each statement, tried after switching down as the gateway does, is refused for want of a privilege.
pub(crate) async fn denied(session: &Session, role: &str, statements: &[String]) -> Result<()> {
    for sql in statements {
        let attempt = format!("BEGIN; SET LOCAL ROLE {role}; {sql}");
        let refusal = session.refusal(&attempt).await?;
        assert_eq!(refusal.code, "42501", "{role}: {sql}: {refusal:?}");
    }
    Ok(())
}

fn reads(table: &str) -> Vec<String> {
    vec![
        format!("SELECT * FROM {table}"),
        format!("SELECT count(*) FROM {table}"),
        format!("COPY {table} TO STDOUT"),
        format!("CREATE TEMP VIEW peek AS SELECT * FROM {table}; SELECT * FROM peek"),
    ]
}

pub(crate) fn writes(table: &str) -> Vec<String> {
    vec![
        format!("INSERT INTO {table} DEFAULT VALUES"),
        format!("DELETE FROM {table}"),
        format!("TRUNCATE {table}"),
        format!("DROP TABLE {table}"),
        format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
        format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
        format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"),
        format!("CREATE POLICY mine ON {table} USING (true)"),
        format!("CREATE RULE mine AS ON INSERT TO {table} DO INSTEAD NOTHING"),
        format!(
            "CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        ),
    ]
}

fn calls(functions: &[&str]) -> Vec<String> {
    functions.iter().map(|call| format!("SELECT {call}")).collect()
}

#[tokio::test]
async fn ordinary_roles_neither_read_nor_write_the_ledger() -> Result<()> {
    let (sandbox, _) = paid().await?;
    for role in ORDINARY {
        denied(&sandbox, role, &reads("x402_payments")).await?;
        denied(&sandbox, role, &writes("x402_payments")).await?;
        denied(
            &sandbox,
            role,
            &[
                GUIDE_ROW.to_owned(),
                "UPDATE x402_payments SET status = 'settled'".to_owned(),
                "UPDATE x402_payments SET endpoint = endpoint".to_owned(),
                "SELECT payer_address FROM x402_payments".to_owned(),
            ],
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn nobody_reads_or_writes_the_private_tables_and_sequences() -> Result<()> {
    let (sandbox, _) = paid().await?;
    for role in ["anon", "authenticated", "ledger_stranger", "project_admin"] {
        for table in PRIVATE {
            denied(&sandbox, role, &reads(table)).await?;
            denied(&sandbox, role, &writes(table)).await?;
        }
        for sequence in ["x402.lease_tokens", "x402.doorbell", "x402.events_id_seq"] {
            denied(
                &sandbox,
                role,
                &[
                    format!("SELECT nextval('{sequence}')"),
                    format!("SELECT setval('{sequence}', 9)"),
                    format!("SELECT last_value FROM {sequence}"),
                ],
            )
            .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn nobody_calls_what_is_the_workers_or_the_owners() -> Result<()> {
    let (sandbox, _) = paid().await?;
    for role in ["anon", "authenticated", "ledger_stranger", "project_admin"] {
        denied(&sandbox, role, &calls(&WORKERS_CALLS)).await?;
        denied(&sandbox, role, &calls(&OWNERS_CALLS)).await?;
    }
    let open = "SELECT p.oid::regprocedure, r FROM pg_proc p, unnest('{anon,authenticated,ledger_stranger,project_admin}'::text[]) r
      WHERE p.pronamespace = 'x402'::regnamespace AND has_function_privilege(r, p.oid, 'EXECUTE')
        AND (p.prosecdef OR p.provolatile = 'v') AND p.proname <> '_exposure'";
    let open = sandbox.rows(open).await?;
    assert!(open.is_empty(), "{open:?}");
    Ok(())
}

#[tokio::test]
async fn a_login_role_of_its_own_gets_no_further_than_one_that_is_switched_to() -> Result<()> {
    let (sandbox, _) = paid().await?;
    let stranger = login(&sandbox, "ledger_stranger").await?;
    denied(&stranger, "ledger_stranger", &reads("x402_payments")).await?;
    denied(&stranger, "ledger_stranger", &writes("x402_payments")).await?;
    denied(&stranger, "ledger_stranger", &calls(&WORKERS_CALLS)).await?;
    denied(&stranger, "sidecar", &["SELECT 1".to_owned()]).await
}

#[tokio::test]
async fn our_trigger_functions_cannot_be_hung_on_tables_of_others() -> Result<()> {
    let (sandbox, _) = paid().await?;
    let functions = sandbox
        .rows(
            "SELECT p.oid::regproc FROM pg_proc p WHERE p.prorettype = 'trigger'::regtype
               AND p.pronamespace IN ('x402'::regnamespace, 'insforge'::regnamespace)",
        )
        .await?;
    assert!(functions.len() >= 6, "{functions:?}");
    for function in functions {
        let hang = format!(
            "CREATE TEMP TABLE bait (LIKE pg_class); CREATE TRIGGER t AFTER INSERT ON bait FOR EACH ROW EXECUTE FUNCTION {}()",
            function[0]
        );
        denied(&sandbox, "ledger_stranger", &[hang]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_guides_server_code_inserts_settled_rows_and_nothing_else() -> Result<()> {
    let (sandbox, _) = paid().await?;
    let insert = |columns: &str, values: &str| {
        format!(
            "BEGIN; SET LOCAL ROLE project_admin; INSERT INTO x402_payments (payer_address, endpoint, amount, {columns})
             VALUES ('0xAb', '/x', '1', {values}) RETURNING status"
        )
    };
    assert_eq!(sandbox.one(&insert("tx_hash", "'0xBB'")).await?, "settled");
    sandbox.run("ROLLBACK").await?;
    let full = insert(
        "tx_hash, chain, status, response_summary",
        "'0xBC', 'xlayer', 'settled', 'ok'",
    );
    assert_eq!(sandbox.one(&full).await?, "settled");
    sandbox.run("ROLLBACK").await?;
    for (columns, values, code) in [
        ("status", "'pending'", "23514"),
        ("status, created_at", "'pending', '2020-01-01'", "23514"),
        ("status, created_at", "'unknown', 'infinity'", "23514"),
        ("status, created_at", "'failed', '2020-01-01'", "23514"),
        ("status", "'settled'", "23514"),
        ("tx_hash", "'0xaa'", "23505"),
        ("tx_hash, network", "'0xBD', 'eip155:1'", "42501"),
        ("tx_hash, mock", "'0xBD', true", "42501"),
        ("tx_hash, log_index", "'0xaa', 7", "42501"),
        ("nonce", "'0x00'", "42501"),
        ("tx_hash, settled_at", "'0xBD', now()", "42501"),
        ("tx_hash, finality", "'0xBD', 'finalized'", "42501"),
    ] {
        let refusal = sandbox.refusal(&insert(columns, values)).await?;
        assert_eq!(refusal.code, code, "{columns} = {values}: {refusal:?}");
    }
    denied(&sandbox, "project_admin", &writes("x402_payments")[1..]).await?;
    let update = "UPDATE x402_payments SET response_summary = 'x'".to_owned();
    denied(&sandbox, "project_admin", &[update]).await?;
    let read = "BEGIN; SET LOCAL ROLE project_admin; SELECT count(*) FROM x402_payments";
    assert_eq!(sandbox.one(read).await?, "2");
    Ok(())
}

#[tokio::test]
async fn a_sidecar_does_the_workers_calls_and_writes_nothing_by_itself() -> Result<()> {
    let (sandbox, id) = paid().await?;
    let sidecar = login(&sandbox, "sidecar").await?;
    let mut tables = vec!["x402_payments"];
    tables.extend(PRIVATE);
    for table in tables {
        denied(&sidecar, "sidecar", &writes(table)).await?;
        let column = sandbox
            .one(&format!(
                "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum = 1"
            ))
            .await?;
        let update = format!("UPDATE {table} SET {column} = {column}");
        denied(&sidecar, "sidecar", &[update]).await?;
    }
    denied(&sidecar, "sidecar", &calls(&OWNERS_CALLS)).await?;
    denied(&sidecar, "sidecar", &[GUIDE_ROW.to_owned()]).await?;

    assert_eq!(sidecar.one("SELECT count(*) FROM x402_payments").await?, "2");
    let claimed = sidecar
        .rows("SELECT id, lease_token FROM x402.claim('w', 9, '1 min')")
        .await?;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0][0], id.to_string());
    let lease = &claimed[0][1];
    sidecar
        .run(&format!(
            "SELECT x402.begin_settle(ARRAY['{id}'::uuid], ARRAY[{lease}::bigint])"
        ))
        .await?;
    let finish = format!(
        "SELECT status FROM x402.finish(jsonb_build_array(jsonb_build_object('id', '{id}', 'lease_token', {lease},
           'outcome', 'settled', 'tx_hash', '0x' || repeat('ab', 32))))"
    );
    assert_eq!(sidecar.one(&finish).await?, "settled");
    assert_eq!(ledger::row(&sandbox.client, id).await?.status, "settled");
    Ok(())
}

#[tokio::test]
async fn same_named_tables_functions_and_operators_do_not_hijack_the_ledgers_functions() -> Result<()> {
    let (sandbox, _) = paid().await?;
    // Everything that our functions call or compare, in a schema that comes first, and in public.
    for schema in ["trap", "public"] {
        sandbox
            .run(&format!(
                "CREATE SCHEMA IF NOT EXISTS {schema}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC;
                 CREATE FUNCTION {schema}.spring() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
                   RAISE EXCEPTION 'hijacked as %', current_user USING ERRCODE = 'HJ000'; END $$;
                 CREATE FUNCTION {schema}.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM {schema}.spring(); END $$;
                 CREATE FUNCTION {schema}.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM {schema}.spring(); END $$;
                 CREATE FUNCTION {schema}.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM {schema}.spring(); END $$;
                 CREATE FUNCTION {schema}.btrim(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM {schema}.spring(); END $$;
                 CREATE FUNCTION {schema}.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM {schema}.spring(); END $$;
                 CREATE FUNCTION {schema}.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM {schema}.spring(); END $$;
                 CREATE FUNCTION {schema}.differ(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM {schema}.spring(); END $$;
                 CREATE OPERATOR {schema}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = {schema}.differ);
                 CREATE OPERATOR {schema}.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = {schema}.differ)"
            ))
            .await?;
    }
    let sidecar = login(&sandbox, "sidecar").await?;
    sidecar
        .run(
            "SET search_path = trap, public, pg_temp, pg_catalog;
             CREATE TEMP TABLE x402_payments (id uuid, status text); CREATE TEMP TABLE queue (payment_id uuid);
             CREATE TEMP TABLE events (id bigint); CREATE TEMP TABLE authorizations (payment_id uuid);
             CREATE TEMP TABLE settings (name text, value text); CREATE TEMP TABLE pg_class (oid oid, relowner oid);
             CREATE TEMP TABLE pg_roles (oid oid, rolname name, rolsuper boolean); CREATE TEMP TABLE pg_proc (oid oid)",
        )
        .await?;
    let id = submit(&sidecar).await?;
    let claimed = sidecar
        .rows("SELECT id, lease_token FROM x402.claim('w', 9, '1 min')")
        .await?;
    assert_eq!(claimed.len(), 2);
    for row in &claimed {
        let (id, lease) = (&row[0], &row[1]);
        sidecar
            .run(&format!(
                "SELECT x402.begin_settle('{{{id}}}', '{{{lease}}}');
                 SELECT x402.finish('[{{\"id\": \"{id}\", \"lease_token\": {lease}, \"outcome\": \"settled\", \"tx_hash\": \"0x{0}{0}\"}}]')",
                id.replace('-', "")
            ))
            .await?;
    }
    sidecar
        .run(&format!(
            "SELECT x402.record_settled('0x{}', '/x', '1', '0x{}'); SELECT x402.next_due(), x402.stats(), x402.explain('{id}')",
            "ab".repeat(20),
            "cd".repeat(32)
        ))
        .await?;
    assert_eq!(ledger::row(&sandbox.client, id).await?.status, "settled");
    assert_eq!(
        sidecar.one("SELECT count(*) FROM pg_temp.x402_payments").await?,
        "0"
    );
    let total = "SELECT count(*) FROM public.x402_payments WHERE status = 'settled'";
    assert_eq!(sandbox.one(total).await?, "4");
    Ok(())
}

#[tokio::test]
async fn a_realtime_schema_that_an_ordinary_role_made_is_not_called() -> Result<()> {
    let sandbox = Sandbox::of(Template::Extension).await?;
    sandbox
        .run(
            "CREATE ROLE ledger_impostor; CREATE SCHEMA realtime AUTHORIZATION ledger_impostor; SET ROLE ledger_impostor;
             CREATE TABLE realtime.loot (role text); GRANT ALL ON realtime.loot TO PUBLIC;
             CREATE FUNCTION realtime.publish(text, text, jsonb) RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN
               INSERT INTO realtime.loot VALUES (current_user); RETURN NULL; END $$; RESET ROLE",
        )
        .await?;
    sandbox.run(GUIDE_ROW).await?;
    assert_eq!(sandbox.one("SELECT count(*) FROM realtime.loot").await?, "0");
    sandbox
        .run("ALTER FUNCTION realtime.publish OWNER TO postgres")
        .await?;
    sandbox.run(&GUIDE_ROW.replace("0xAA", "0xAB")).await?;
    assert_eq!(
        sandbox.one("SELECT role FROM realtime.loot").await?,
        "postgres",
        "the bait works"
    );
    Ok(())
}
