//! Tables as they come: odd names, other schemas, partitions, uuid columns, foreign keys, ordinary owners.

use anyhow::Result;
use insforge_tests::cluster::{Options, Server};
use tokio_postgres::NoTls;

use crate::rls_support::{Sandbox, Session};

#[tokio::test]
async fn quoted_names_with_spaces_percent_and_quotes_work() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(r#"CREATE SCHEMA "My App";
             CREATE TABLE "My App"."Käse % ""Notes"""("Id" serial PRIMARY KEY, "user Id" varchar(60), "Org""Id" text)"#)
        .await?;
    let table = r#""My App"."Käse % ""Notes""""#;
    let before = sandbox.snapshot(table).await?;
    sandbox
        .create(
            table,
            "org",
            r#"{"org_column": "Org\"Id", "author_column": "user Id"}"#,
        )
        .await?;
    assert_eq!(sandbox.outcome(table, "member", "insert").await?, "rows");
    assert_eq!(sandbox.outcome(table, "member", "update_org").await?, "denied");
    sandbox
        .create(table, "owner", r#"{"column": "user Id", "immutable": "grants"}"#)
        .await?;
    assert_eq!(sandbox.outcome(table, "owner", "update").await?, "rows");
    assert_eq!(sandbox.outcome(table, "owner", "update_owner").await?, "denied");
    sandbox
        .run(&format!("SELECT insforge.drop_policies('{table}')"))
        .await?;
    assert_eq!(sandbox.snapshot(table).await?, before);
    Ok(())
}

#[tokio::test]
async fn names_that_look_like_statements_work() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            r#"CREATE TABLE "CREATE FUNCTION x" (id int PRIMARY KEY, user_id text);
             CREATE TABLE "CREATE FUNCTION y" (x int REFERENCES "CREATE FUNCTION x", user_id text, level text)"#,
        )
        .await?;
    let rows = r#""CREATE FUNCTION x""#;
    sandbox
        .create(
            r#""CREATE FUNCTION y""#,
            "share_list",
            r#"{"of": "\"CREATE FUNCTION x\""}"#,
        )
        .await?;
    sandbox
        .create(rows, "shared", r#"{"acl": "\"CREATE FUNCTION y\""}"#)
        .await?;
    sandbox
        .create(
            rows,
            "shared",
            r#"{"acl": "\"CREATE FUNCTION y\"", "acl_level": "level"}"#,
        )
        .await?;
    assert_eq!(sandbox.outcome(rows, "editor", "update").await?, "rows");
    assert_eq!(sandbox.outcome(rows, "editor", "update_owner").await?, "denied");
    Ok(())
}

#[tokio::test]
async fn names_of_sixty_three_bytes_work() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let long = "ä".repeat(31);
    sandbox
        .run(&format!(
            r#"CREATE TABLE "{long}" (id int PRIMARY KEY, "{long}" text)"#
        ))
        .await?;
    let table = format!(r#""{long}""#);
    sandbox
        .create(&table, "owner", &format!(r#"{{"column": "{long}"}}"#))
        .await?;
    assert_eq!(sandbox.outcome(&table, "owner", "select").await?, "rows");
    sandbox
        .create(
            "storage.objects",
            "storage_owner",
            &format!(r#"{{"bucket": "{}"}}"#, "b".repeat(90)),
        )
        .await?;
    assert_eq!(
        sandbox.outcome("storage.objects", "other", "select").await?,
        "no_rows"
    );
    Ok(())
}

#[tokio::test]
async fn a_schema_of_ones_own_is_opened_and_closed_with_the_last_table() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE SCHEMA app; CREATE TABLE app.a (id serial PRIMARY KEY, user_id text);
             CREATE TABLE app.b (id serial PRIMARY KEY, user_id text)",
        )
        .await?;
    let usage = "SELECT has_schema_privilege('authenticated', 'app', 'USAGE')";
    for table in ["app.a", "app.b"] {
        sandbox.create(table, "owner", "{}").await?;
        assert_eq!(sandbox.outcome(table, "owner", "insert").await?, "rows");
    }
    sandbox.run("SELECT insforge.drop_policies('app.a')").await?;
    assert_eq!(sandbox.one(usage).await?, "t", "app.b still needs it");
    sandbox.run("SELECT insforge.drop_policies('app.b')").await?;
    assert_eq!(sandbox.one(usage).await?, "f");
    Ok(())
}

#[tokio::test]
async fn partitions_are_closed_and_rows_cannot_move_between_organisations() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, user_id text, org_id text, k int NOT NULL,
               PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
             CREATE TABLE events_a PARTITION OF events FOR VALUES FROM (0) TO (10);
             CREATE TABLE events_b PARTITION OF events FOR VALUES FROM (10) TO (20) PARTITION BY LIST (k);
             CREATE TABLE events_b1 PARTITION OF events_b FOR VALUES IN (11)",
        )
        .await?;
    let before = sandbox.snapshot("events").await?;
    sandbox
        .create("events", "org", r#"{"author_column": "user_id"}"#)
        .await?;
    assert_eq!(
        sandbox
            .create("events", "org", r#"{"author_column": "user_id"}"#)
            .await?,
        0
    );
    assert_eq!(sandbox.outcome("events", "member", "insert").await?, "rows");
    assert_eq!(sandbox.outcome("events", "member", "update").await?, "rows");
    assert_eq!(sandbox.outcome("events", "member", "update_org").await?, "denied");
    for partition in ["events_a", "events_b", "events_b1"] {
        let open = format!(
            "SELECT has_table_privilege('authenticated', '{partition}', 'SELECT, INSERT, UPDATE, DELETE')"
        );
        assert_eq!(sandbox.one(&open).await?, "f", "{partition}");
    }
    sandbox
        .run("CREATE TABLE events_c PARTITION OF events FOR VALUES FROM (20) TO (30)")
        .await?;
    assert!(
        sandbox
            .create("events", "org", r#"{"author_column": "user_id"}"#)
            .await?
            > 0,
        "a new partition is closed as well"
    );
    sandbox
        .run("DROP TABLE events_c; SELECT insforge.drop_policies('events')")
        .await?;
    assert_eq!(sandbox.snapshot("events").await?, before);
    Ok(())
}

#[tokio::test]
async fn an_append_only_partitioned_table_holds_against_its_owner() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE log (id int, user_id text) PARTITION BY LIST (id);
             CREATE TABLE log_1 PARTITION OF log FOR VALUES IN (1)",
        )
        .await?;
    sandbox.create("log", "append_only", "{}").await?;
    sandbox.run("INSERT INTO log VALUES (1, 'ada')").await?;
    for damage in [
        "UPDATE log SET user_id = 'bob'",
        "DELETE FROM log_1",
        "TRUNCATE log",
    ] {
        assert_eq!(sandbox.refusal(damage).await?.code, "42501", "{damage}");
    }
    Ok(())
}

#[tokio::test]
async fn a_uuid_owner_column_is_refused_with_the_statements_that_mend_it() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE auth.users (id uuid PRIMARY KEY);
             CREATE TABLE todo (id int PRIMARY KEY, user_id uuid DEFAULT auth.uid() REFERENCES auth.users);
             INSERT INTO auth.users VALUES ('6f1f3a0e-0000-4000-8000-000000000001');
             INSERT INTO todo VALUES (1, '6f1f3a0e-0000-4000-8000-000000000001')",
        )
        .await?;
    let refusal = sandbox
        .refusal("SELECT insforge.create_policies('todo', 'owner')")
        .await?;
    assert_eq!(refusal.code, "42804");
    let mend = refusal
        .hint
        .split(" Or pass")
        .next()
        .unwrap_or_default()
        .to_owned();
    sandbox.run(&format!("BEGIN; {mend}")).await?;
    assert!(sandbox.create("todo", "owner", "{}").await? > 0);
    sandbox.run("ROLLBACK").await?;

    sandbox
        .run("CREATE POLICY mine ON todo USING (user_id = auth.uid())")
        .await?;
    let refusal = sandbox
        .refusal(r#"SELECT insforge.create_policies('todo', 'owner', '{"mend": true}')"#)
        .await?;
    assert_eq!(refusal.code, "2BP01");
    assert!(refusal.hint.contains("DROP POLICY mine"), "{refusal:?}");
    sandbox.run("DROP POLICY mine ON todo").await?;

    sandbox.create("todo", "owner", r#"{"mend": true}"#).await?;
    assert_eq!(sandbox.create("todo", "owner", r#"{"mend": true}"#).await?, 0);
    assert_eq!(
        sandbox
            .as_user("user_2x", "INSERT INTO todo VALUES (2) RETURNING user_id")
            .await?,
        [["user_2x"]]
    );
    let old = sandbox
        .as_user("6f1f3a0e-0000-4000-8000-000000000001", "SELECT id FROM todo")
        .await?;
    assert_eq!(old, [["1"]], "rows from before the mending keep their owner");
    Ok(())
}

#[tokio::test]
async fn required_columns_foreign_keys_and_checks_do_not_stop_the_matrix() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            r#"CREATE SCHEMA better_auth;
               CREATE TABLE better_auth."user" (id text PRIMARY KEY, email text NOT NULL UNIQUE);
               CREATE TYPE mood AS ENUM ('fine', 'less so'); 
               CREATE DOMAIN short AS varchar(6) NOT NULL;
               CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                 user_id text REFERENCES better_auth."user", kind text NOT NULL CHECK (kind IN ('retail', 'bulk')),
                 m mood NOT NULL, code short, tags text[] NOT NULL,
                 ref smallint NOT NULL UNIQUE, amount numeric(10, 2) NOT NULL CHECK (amount > 0),
                 total numeric GENERATED ALWAYS AS (amount * 2) STORED, at timestamptz NOT NULL, raw jsonb NOT NULL)"#,
        )
        .await?;
    sandbox.create("orders", "owner", "{}").await?;
    let bad = sandbox
        .rows("SELECT * FROM insforge.access_matrix('orders') WHERE outcome = 'error'")
        .await?;
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(sandbox.outcome("orders", "owner", "insert").await?, "rows");
    assert_eq!(sandbox.outcome("orders", "other", "update").await?, "no_rows");
    assert_eq!(
        sandbox.one(r#"SELECT count(*) FROM better_auth."user""#).await?,
        "0"
    );
    Ok(())
}

#[tokio::test]
async fn an_ordinary_owner_protects_and_proves_its_own_table() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE ROLE rls_owner; GRANT anon, authenticated TO rls_owner; SELECT insforge.grant_developer('rls_owner');
             CREATE SCHEMA own AUTHORIZATION rls_owner; SET ROLE rls_owner;
             CREATE TABLE own.tasks (id serial PRIMARY KEY, org_id text, body text)",
        )
        .await?;
    sandbox.create("own.tasks", "org", "{}").await?;
    assert_eq!(sandbox.outcome("own.tasks", "member", "insert").await?, "rows");
    assert_eq!(
        sandbox.outcome("own.tasks", "non_member", "select").await?,
        "no_rows"
    );
    sandbox
        .run("SELECT insforge.drop_policies('own.tasks'); RESET ROLE")
        .await?;
    assert_eq!(
        sandbox
            .one("SELECT count(*) FROM pg_policies WHERE schemaname = 'own'")
            .await?,
        "0"
    );
    Ok(())
}

#[tokio::test]
async fn a_helper_reads_shares_with_the_rights_of_their_owner_even_when_a_superuser_made_it() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE ROLE rls_sharer; CREATE SCHEMA sharing AUTHORIZATION rls_sharer; SET ROLE rls_sharer;
             CREATE TABLE sharing.docs (id int PRIMARY KEY, user_id text);
             CREATE TABLE sharing.shares (doc int REFERENCES sharing.docs, user_id text); RESET ROLE",
        )
        .await?;
    sandbox
        .create("sharing.shares", "share_list", r#"{"of": "sharing.docs"}"#)
        .await?;
    sandbox
        .create("sharing.docs", "shared", r#"{"acl": "sharing.shares"}"#)
        .await?;
    let owner = "SELECT proowner::regrole FROM pg_proc WHERE proname = 'docs_shared_ids'";
    assert_eq!(sandbox.one(owner).await?, "rls_sharer");
    assert_eq!(sandbox.outcome("sharing.docs", "viewer", "select").await?, "rows");
    // Where the shares' owner is bound as well, the helper would find none, and nobody be told.
    sandbox
        .run("ALTER TABLE sharing.shares FORCE ROW LEVEL SECURITY")
        .await?;
    let refusal = sandbox
        .refusal(r#"SELECT insforge.create_policies('sharing.docs', 'shared', '{"acl": "sharing.shares"}')"#)
        .await?;
    assert_eq!(refusal.code, "55000");
    Ok(())
}

#[tokio::test]
async fn tables_that_inherit_are_named_since_policies_do_not_reach_them() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE notes (id int, user_id text); CREATE TABLE old_notes () INHERITS (notes);
             CREATE TABLE older_notes () INHERITS (old_notes)",
        )
        .await?;
    let named = "SELECT string_agg(reason, ' ') FROM insforge.plan_policies('old_notes', 'owner') WHERE kind = 'note'";
    let notes = sandbox.one(named).await?;
    assert!(
        notes.contains("public.notes is what it inherits from")
            && notes.contains("public.older_notes inherits"),
        "{notes}"
    );
    for table in ["notes", "older_notes"] {
        sandbox.create(table, "owner", "{}").await?;
    }
    assert_eq!(sandbox.one(named).await?, "");
    Ok(())
}

#[tokio::test]
async fn plain_postgres_is_told_to_ensure_roles_and_then_works() -> Result<()> {
    // A cluster of its own: roles belong to the cluster, and other tests have made anon in the shared one.
    let server = Server::start(&Options::default())?;
    let (client, connection) = tokio_postgres::connect(&server.url("postgres", "postgres"), NoTls).await?;
    tokio::spawn(connection);
    let session = Session { client };
    session.run("CREATE EXTENSION insforge_integrations").await?;
    session
        .run("CREATE TABLE notes (id bigserial PRIMARY KEY, user_id text)")
        .await?;
    let refusal = session
        .refusal("SELECT insforge.create_policies('notes', 'owner')")
        .await?;
    assert_eq!(refusal.code, "42704");
    assert!(refusal.hint.contains("insforge.ensure_roles()"), "{refusal:?}");

    assert_eq!(
        session.one("SELECT insforge.ensure_roles()").await?,
        "{anon,authenticated}"
    );
    assert_eq!(session.one("SELECT insforge.ensure_roles()").await?, "{}");
    session.create("notes", "owner", "{}").await?;
    assert_eq!(session.outcome("notes", "owner", "insert").await?, "rows");
    assert_eq!(session.outcome("notes", "no_id", "select").await?, "no_rows");
    Ok(())
}
