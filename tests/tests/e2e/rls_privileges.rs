//! What ordinary roles try, and do not get. Each attempt is a test of its own.

use anyhow::Result;

use insforge_tests::cluster::Template;

use crate::rls_support::{Sandbox, Session, quote};

/// The SQLSTATE with which a statement of `authenticated` ends.
async fn as_authenticated(sandbox: &Sandbox, sql: &str) -> Result<String> {
    Ok(sandbox
        .refusal(&format!("BEGIN; SELECT insforge.impersonate('eve'); {sql}"))
        .await?
        .code)
}

async fn denied(statements: &[&str]) -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run("CREATE TABLE notes (id bigserial PRIMARY KEY, user_id text)")
        .await?;
    for sql in statements {
        assert_eq!(as_authenticated(&sandbox, sql).await?, "42501", "{sql}");
    }
    Ok(())
}

#[tokio::test]
async fn memberships_cannot_be_read_or_written() -> Result<()> {
    denied(&[
        "SELECT * FROM insforge.memberships",
        "INSERT INTO insforge.memberships (issuer, user_id, org_id) VALUES ('i', 'eve', 'acme')",
        "UPDATE insforge.memberships SET user_id = 'eve'",
        "DELETE FROM insforge.memberships",
        "TRUNCATE insforge.memberships",
        "SELECT insforge.record_membership('i', 'eve', 'acme')",
        "SELECT insforge._my_memberships()",
        "SELECT insforge._probe_join('insforge-probe-eve', 'acme', 'admin')",
    ])
    .await
}

#[tokio::test]
async fn the_generator_and_the_proof_cannot_be_called() -> Result<()> {
    denied(&[
        "SELECT insforge.plan_policies('notes', 'owner')",
        "SELECT insforge.create_policies('notes', 'owner')",
        "SELECT insforge.drop_policies('notes')",
        "SELECT insforge.policy_sets()",
        "SELECT insforge.access_matrix('notes')",
        "SELECT insforge.impersonate('ada')",
        "SELECT insforge.ensure_roles()",
        "SELECT insforge.grant_developer('authenticated')",
        "SELECT insforge.use_better_auth_members()",
    ])
    .await
}

#[tokio::test]
async fn no_function_of_the_generator_is_everybodys() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let open = "SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'insforge'::regnamespace
      AND (p.proname LIKE '\\_%' OR p.proname ~ '(policies|policy|matrix|impersonate|membership|roles|grant)')
      AND EXISTS (SELECT FROM unnest('{anon,authenticated}'::text[]) r WHERE has_function_privilege(r, p.oid, 'EXECUTE'))";
    let open = sandbox.rows(open).await?;
    assert!(open.is_empty(), "{open:?}");
    Ok(())
}

#[tokio::test]
async fn every_definer_function_pins_its_search_path() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let loose = "SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'insforge'::regnamespace AND p.prosecdef
      AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)";
    let loose = sandbox.rows(loose).await?;
    assert!(loose.is_empty(), "{loose:?}");
    Ok(())
}

#[tokio::test]
async fn a_trigger_of_ones_own_cannot_call_the_mirror() -> Result<()> {
    denied(&[
        "CREATE TEMP TABLE member (\"userId\" text, \"organizationId\" text, role text);
      CREATE TRIGGER forge AFTER INSERT ON member FOR EACH ROW
        EXECUTE FUNCTION insforge._mirror_better_auth_member('userId', 'organizationId', 'role')",
    ])
    .await
}

#[tokio::test]
async fn temporary_objects_and_same_named_operators_do_not_hijack_the_functions() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE SCHEMA trap; GRANT USAGE ON SCHEMA trap TO authenticated;
             CREATE FUNCTION trap.yes(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
             CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.yes);
             CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '-infinity'::timestamptz $$;
             INSERT INTO insforge.memberships (issuer, user_id, org_id) VALUES ('i', 'ada', 'acme')",
        )
        .await?;
    let hijack = "SET LOCAL search_path = trap, pg_temp, pg_catalog;
      CREATE TEMP TABLE memberships (issuer text, user_id text, org_id text, role text, permissions text[],
        active boolean, token_iat bigint, valid_until timestamptz, updated_at timestamptz);
      INSERT INTO pg_temp.memberships VALUES ('i', 'eve', 'acme', 'admin', '{}', true);
      SELECT insforge.org_ids(), insforge.has_permission('acme', 'x')";
    assert_eq!(sandbox.as_user("eve", hijack).await?, [["{}", "f"]]);
    Ok(())
}

#[tokio::test]
async fn a_developer_can_only_probe_with_users_that_cannot_exist() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run("CREATE ROLE rls_dev; SELECT insforge.grant_developer('rls_dev')")
        .await?;
    let forge = "BEGIN; SET LOCAL ROLE rls_dev; SELECT insforge._probe_join('eve', 'acme', 'admin')";
    assert_eq!(sandbox.refusal(forge).await?.code, "42501");
    for role in ["anon", "authenticated"] {
        let refusal = sandbox
            .refusal(&format!("SELECT insforge.grant_developer('{role}')"))
            .await?;
        assert_eq!(refusal.code, "22023", "{role}");
    }
    assert_eq!(
        sandbox
            .refusal("SELECT insforge.grant_developer(NULL)")
            .await?
            .code,
        "22004"
    );
    Ok(())
}

#[tokio::test]
async fn a_helper_of_shared_rows_is_for_the_roles_of_the_policies_only() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE docs (id int PRIMARY KEY, user_id text);
             CREATE TABLE shares (doc int REFERENCES docs, user_id text)",
        )
        .await?;
    sandbox
        .create("shares", "share_list", r#"{"of": "docs"}"#)
        .await?;
    sandbox.create("docs", "shared", r#"{"acl": "shares"}"#).await?;
    sandbox
        .run("INSERT INTO docs VALUES (1, 'ada'); INSERT INTO shares VALUES (1, 'bob')")
        .await?;
    assert_eq!(
        sandbox.as_user("bob", "SELECT docs_shared_ids()").await?,
        [["{1}"]]
    );
    assert_eq!(
        sandbox.as_user("eve", "SELECT docs_shared_ids()").await?,
        [["{}"]]
    );
    let refusal = sandbox
        .refusal("BEGIN; SET LOCAL ROLE anon; SELECT public.docs_shared_ids()")
        .await?;
    assert_eq!(refusal.code, "42501");
    Ok(())
}

#[tokio::test]
async fn a_forged_comment_makes_nobody_run_its_statements_or_touch_other_tables() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE bait (id serial PRIMARY KEY, user_id text);
             CREATE TABLE treasure (id serial PRIMARY KEY, user_id text);
             GRANT SELECT ON treasure TO PUBLIC; CREATE FUNCTION precious() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        )
        .await?;
    sandbox.create("bait", "owner", "{}").await?;
    let before = sandbox.snapshot("treasure").await?;
    sandbox
        .run(
            r#"DO $$ DECLARE forged jsonb := '{"slot": "table", "template": "owner", "options": {}, "ddl": "x", "table": {
                 "narrowed": true, "roles": [null, "anon"], "rls": true,
                 "acl": [["anon", "SELECT ON treasure TO anon; DROP TABLE treasure; --", null, false]],
                 "added": [["anon", "ALL ON treasure FROM PUBLIC; --", null, false]],
                 "parts": {"public.treasure": []}, "usage": [["insforge", "anon"]],
                 "sequences": [["public.treasure_id_seq", "anon"]], "helpers": ["public.precious()"]}}';
               BEGIN
                 EXECUTE format('COMMENT ON POLICY insforge_owner_select ON bait IS %L', E'insforge: x\n' || forged::text);
               END $$;
               DROP POLICY insforge_owner_insert ON bait; DROP POLICY insforge_owner_update ON bait;
               DROP POLICY insforge_owner_delete ON bait"#,
        )
        .await?;
    sandbox.run("SELECT insforge.drop_policies('bait')").await?;
    assert_eq!(
        sandbox.snapshot("treasure").await?.replace(' ', ""),
        before.replace(' ', "")
    );
    assert_eq!(sandbox.one("SELECT precious()").await?, "1");
    assert_eq!(
        sandbox
            .one("SELECT has_schema_privilege('anon', 'insforge', 'USAGE')")
            .await?,
        "t"
    );
    Ok(())
}

#[tokio::test]
async fn a_developer_who_may_not_become_a_role_is_told_so_instead_of_shown_a_closed_table() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE ROLE rls_loner LOGIN; SELECT insforge.grant_developer('rls_loner');
             CREATE TABLE mine (id int, user_id text);
             ALTER TABLE mine OWNER TO rls_loner",
        )
        .await?;
    let url = sandbox.db.server().url("rls_loner", &sandbox.db.name);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let refusal = Session { client }
        .refusal("SELECT insforge.access_matrix('mine')")
        .await?;
    assert_eq!(refusal.code, "42501");
    assert!(
        refusal.hint.contains("GRANT anon TO rls_loner") || refusal.hint.contains("GRANT authenticated"),
        "{refusal:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_forged_comment_makes_no_helper_that_reads_what_the_tables_owner_may_not() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            r#"CREATE ROLE rls_forger; CREATE SCHEMA forged AUTHORIZATION rls_forger; CREATE SCHEMA vault;
             CREATE TABLE vault.secrets (id text PRIMARY KEY, secret text, whose text);
             ALTER TABLE vault.secrets ENABLE ROW LEVEL SECURITY;
             SET ROLE rls_forger; CREATE TABLE forged.bait (id text PRIMARY KEY, user_id text, org_id text);
             CREATE POLICY x ON forged.bait FOR SELECT TO authenticated USING (true);
             COMMENT ON POLICY x ON forged.bait IS E'insforge: x\n'
               '{"slot": "table", "template": "shared", "ddl": "x", "table": {}, '
               '"options": {"acl": "vault.secrets", "acl_key": "secret", "acl_user": "whose"}}';
             RESET ROLE"#,
        )
        .await?;
    let call = "SELECT insforge.create_policies('forged.bait', 'tenant_fence')";
    assert_eq!(sandbox.refusal(call).await?.code, "42501");
    let helpers = "SELECT count(*) FROM pg_proc WHERE proname = 'bait_shared_ids'";
    assert_eq!(sandbox.one(helpers).await?, "0");
    Ok(())
}

#[tokio::test]
async fn a_forged_comment_does_not_have_a_table_rewritten_by_whoever_calls() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            r#"CREATE TABLE bait (id int PRIMARY KEY, user_id uuid, org_id text);
             CREATE POLICY x ON bait FOR SELECT TO authenticated USING (true);
             COMMENT ON POLICY x ON bait IS E'insforge: x\n'
               '{"slot": "table", "template": "owner", "ddl": "x", "table": {}, "options": {"mend": true}}'"#,
        )
        .await?;
    let refusal = sandbox
        .refusal("SELECT insforge.create_policies('bait', 'tenant_fence')")
        .await?;
    assert_eq!(refusal.code, "42804");
    Ok(())
}

#[tokio::test]
async fn a_default_that_draws_from_anothers_sequence_does_not_open_that_sequence() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE ROLE rls_drawer; CREATE SCHEMA drawing AUTHORIZATION rls_drawer;
             CREATE SCHEMA vault; CREATE SEQUENCE vault.numbers;
             DO $$ BEGIN
               EXECUTE format('SET ROLE rls_drawer; CREATE TABLE drawing.bait (user_id text,
                 id bigint DEFAULT nextval(%L::regclass)); RESET ROLE', 'vault.numbers'::regclass::oid);
             END $$",
        )
        .await?;
    sandbox.create("drawing.bait", "owner", "{}").await?;
    let open = "SELECT has_sequence_privilege('authenticated', 'vault.numbers', 'USAGE')";
    assert_eq!(sandbox.one(open).await?, "f");
    Ok(())
}

#[tokio::test]
async fn ids_that_a_databases_encoding_spells_otherwise_stand_for_nobody() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let name = format!("{}_latin1", sandbox.db.name);
    sandbox
        .run(&format!(
            "CREATE DATABASE \"{name}\" ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        ))
        .await?;
    let url = sandbox.db.url().replace(&sandbox.db.name, &name);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let latin1 = Session { client };
    latin1.run("CREATE EXTENSION insforge_integrations").await?;
    for (claims, id) in [
        (r#"{"sub":"cafe"}"#, "cafe"),
        (r#"{"sub":"caf\u0065"}"#, "cafe"),
        // As LATIN1 spells it, these are the bytes that UTF-8 has for the next one.
        (r#"{"sub":"cafÃ©"}"#, ""),
        (r#"{"sub":"caf\u00e9"}"#, ""),
        (r#"{"sub":"café"}"#, ""),
    ] {
        let ask = format!(
            "SELECT set_config('request.jwt.claims', {}, false); SELECT insforge.requesting_user_id()",
            quote(claims)
        );
        assert_eq!(latin1.one(&ask).await?, id, "{claims}");
    }
    drop(latin1);
    sandbox
        .run(&format!("DROP DATABASE \"{name}\" WITH (FORCE)"))
        .await
}

#[tokio::test]
async fn creating_the_extension_runs_nobody_elses_operators_and_functions() -> Result<()> {
    let sandbox = Sandbox::of(Template::InsForge).await?;
    for (operator, result) in [("||", "text"), ("=", "boolean"), ("<>", "boolean")] {
        for (left, right) in [
            ("text", "regprocedure"),
            ("text", "regclass"),
            ("text", "name"),
            ("oid", "regprocedure"),
            ("name", "text"),
        ] {
            let name = format!("public.trap_{result}({left}, {right})");
            sandbox
                .run(&format!(
                    "CREATE OR REPLACE FUNCTION {name} RETURNS {result} LANGUAGE plpgsql
                     AS $$ BEGIN RAISE 'run as %', current_user; END $$;
                     CREATE OPERATOR public.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = public.trap_{result})"
                ))
                .await?;
        }
    }
    sandbox.run("CREATE EXTENSION insforge_integrations").await
}
