//! What `create_policies` makes can be made again, changed and taken back.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::rls_support::{Sandbox, quote};

const TABLE: &str = "CREATE TABLE notes (id bigserial PRIMARY KEY, user_id text, org_id text, author text,
  published boolean, body text)";

/// Calls one after the other, each twice; then everything is dropped.
async fn round_trip(sandbox: &Sandbox, table: &str, calls: &[(&str, &str)]) -> Result<()> {
    let before = sandbox.snapshot(table).await?;
    for (template, options) in calls {
        assert!(
            sandbox.create(table, template, options).await? > 0,
            "{template} {options} did nothing"
        );
        assert_eq!(
            sandbox.create(table, template, options).await?,
            0,
            "{template} {options} twice"
        );
    }
    let drop = format!("SELECT count(*) FROM insforge.drop_policies({})", quote(table));
    assert_ne!(sandbox.one(&drop).await?, "0");
    assert_eq!(sandbox.one(&drop).await?, "0", "dropping twice");
    assert_eq!(sandbox.snapshot(table).await?, before, "{calls:?}");
    Ok(())
}

#[tokio::test]
async fn every_template_is_a_no_op_the_second_time_and_leaves_nothing_behind() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    let templates = [
        ("owner", "{}"),
        ("owner_public_read", r#"{"published": "published"}"#),
        ("org", r#"{"author_column": "author"}"#),
        ("org_role", "{}"),
        ("append_only", "{}"),
        ("tenant_fence", "{}"),
        ("server_only", "{}"),
    ];
    for call in templates {
        round_trip(&sandbox, "notes", &[call]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn templates_that_follow_each_other_replace_each_other_and_leave_nothing_behind() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    sandbox
        .run("GRANT SELECT (id, body) ON notes TO anon; GRANT ALL ON notes TO PUBLIC")
        .await?;
    sandbox
        .run("GRANT SELECT ON notes TO authenticated WITH GRANT OPTION")
        .await?;
    let calls = [
        ("owner", r#"{"force": true, "immutable": "trigger"}"#),
        ("owner", r#"{"immutable": "grants", "index": false}"#),
        ("owner", r#"{"not_null": false, "default": false}"#),
        ("org", r#"{"author_column": "author", "immutable": "grants"}"#),
        ("tenant_fence", "{}"),
        ("org_role", r#"{"roles": ["boss"]}"#),
        ("tenant_fence", r#"{"org_column": "author"}"#),
        ("append_only", r#"{"guard": false, "read": "public"}"#),
        ("owner", r#"{"grants": false}"#),
        ("server_only", r#"{"read": "authenticated"}"#),
    ];
    round_trip(&sandbox, "notes", &calls).await
}

#[tokio::test]
async fn a_table_that_was_protected_already_stays_protected() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    sandbox
        .run(
            "ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;
             ALTER TABLE notes ALTER user_id SET NOT NULL; ALTER TABLE notes ALTER user_id SET DEFAULT 'nobody';
             CREATE INDEX mine ON notes (user_id); CREATE POLICY mine ON notes USING (true)",
        )
        .await?;
    round_trip(&sandbox, "notes", &[("owner", r#"{"force": true}"#)]).await?;
    let notes = sandbox
        .rows("SELECT reason FROM insforge.plan_policies('notes', 'owner') WHERE kind = 'note'")
        .await?;
    assert!(notes.iter().any(|n| n[0].contains("policy mine")), "{notes:?}");
    assert!(
        notes.iter().any(|n| n[0].contains("keeps its default")),
        "{notes:?}"
    );
    Ok(())
}

#[tokio::test]
async fn shares_and_their_helper_function_are_taken_back() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE docs (id uuid PRIMARY KEY, user_id text);
             CREATE TABLE shares (doc uuid REFERENCES docs, user_id text, level text)",
        )
        .await?;
    sandbox
        .create("shares", "share_list", r#"{"of": "docs"}"#)
        .await?;
    let calls = [
        ("shared", r#"{"acl": "shares"}"#),
        ("shared", r#"{"acl": "shares", "acl_level": "level"}"#),
    ];
    round_trip(&sandbox, "docs", &calls).await
}

#[tokio::test]
async fn one_slot_can_be_dropped_and_the_others_stay() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    let before = sandbox.snapshot("notes").await?;
    sandbox.create("notes", "tenant_fence", "{}").await?;
    sandbox.create("notes", "owner", "{}").await?;
    sandbox
        .run("SELECT insforge.drop_policies('notes', 'table')")
        .await?;
    assert_eq!(
        sandbox
            .one("SELECT slot FROM insforge.policy_sets('notes')")
            .await?,
        "fence"
    );
    sandbox
        .run("SELECT insforge.drop_policies('notes', 'fence')")
        .await?;
    assert_eq!(sandbox.snapshot("notes").await?, before);
    Ok(())
}

#[tokio::test]
async fn what_somebody_altered_by_hand_is_put_back() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    sandbox.create("notes", "org", "{}").await?;
    let made = sandbox.snapshot("notes").await?;
    for damage in [
        "ALTER POLICY insforge_org_select ON notes USING (true)",
        "ALTER POLICY insforge_org_select ON notes TO anon, authenticated",
        "DROP POLICY insforge_org_delete ON notes",
        "GRANT TRUNCATE ON notes TO authenticated",
        "GRANT SELECT ON notes TO PUBLIC",
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE notes DISABLE TRIGGER insforge_keep_columns",
        "ALTER TABLE notes ALTER org_id DROP NOT NULL",
    ] {
        sandbox.run(damage).await?;
        assert!(
            sandbox.create("notes", "org", "{}").await? > 0,
            "not seen: {damage}"
        );
        assert_eq!(sandbox.snapshot("notes").await?, made, "{damage}");
    }
    Ok(())
}

#[tokio::test]
async fn the_plan_run_by_hand_is_what_create_policies_would_have_done() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    for step in sandbox
        .rows("SELECT ddl FROM insforge.plan_policies('notes', 'org') WHERE ddl IS NOT NULL")
        .await?
    {
        sandbox.run(&step[0]).await?;
    }
    assert_eq!(sandbox.create("notes", "org", "{}").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_plan_changes_nothing() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    let before = sandbox.snapshot("notes").await?;
    sandbox
        .rows("SELECT * FROM insforge.plan_policies('notes', 'owner')")
        .await?;
    assert_eq!(sandbox.snapshot("notes").await?, before);
    Ok(())
}

#[tokio::test]
async fn a_renamed_table_keeps_its_policies_and_can_be_freed_of_them() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    sandbox.create("notes", "owner", "{}").await?;
    sandbox
        .run("CREATE SCHEMA archive; ALTER TABLE notes RENAME TO papers")
        .await?;
    sandbox.run("ALTER TABLE papers SET SCHEMA archive").await?;
    assert_eq!(
        sandbox
            .one("SELECT slot FROM insforge.policy_sets('archive.papers')")
            .await?,
        "table"
    );
    sandbox
        .run("SELECT insforge.drop_policies('archive.papers')")
        .await?;
    assert_eq!(
        sandbox
            .one("SELECT count(*) FROM pg_policies WHERE tablename = 'papers'")
            .await?,
        "0"
    );
    assert_eq!(
        sandbox
            .one("SELECT relrowsecurity FROM pg_class WHERE relname = 'papers'")
            .await?,
        "f"
    );
    Ok(())
}

#[tokio::test]
async fn row_level_security_stays_on_while_a_later_policy_needs_it() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    sandbox.create("notes", "owner", "{}").await?;
    sandbox
        .run("CREATE POLICY later ON notes FOR SELECT TO authenticated USING (published)")
        .await?;
    sandbox.run("SELECT insforge.drop_policies('notes')").await?;
    assert_eq!(
        sandbox
            .one("SELECT relrowsecurity FROM pg_class WHERE relname = 'notes'")
            .await?,
        "t"
    );
    Ok(())
}

#[tokio::test]
async fn two_sessions_that_protect_one_table_at_once_both_succeed() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    let other = sandbox.db.client().await?;
    let call = "SELECT count(ddl) FROM insforge.create_policies('notes', 'owner')";
    let (one, two) = tokio::join!(sandbox.client.query_one(call, &[]), other.query_one(call, &[]));
    let mut counts = [one?.get::<_, i64>(0), two?.get::<_, i64>(0)];
    counts.sort_unstable();
    assert_eq!(counts[0], 0, "the second found the work of the first");
    assert!(counts[1] > 0);
    Ok(())
}

#[tokio::test]
async fn a_table_that_was_dumped_and_restored_alone_is_protected_and_can_be_freed() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    sandbox
        .create("notes", "org", r#"{"author_column": "author"}"#)
        .await?;
    let server = sandbox.db.server();
    let dump = Command::new(server.installation.program("pg_dump"))
        .args(["--inserts", "--table=public.notes", "--dbname", &sandbox.db.url()])
        .output()?;
    ensure!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let script = String::from_utf8(dump.stdout)?;
    // Lines for psql itself.
    let script: Vec<&str> = script.lines().filter(|line| !line.starts_with('\\')).collect();

    let restored = Sandbox::insforge().await?;
    restored.run(&script.join("\n")).await?;
    restored.run("RESET search_path").await?;
    // The default privileges of the new database have granted anon everything anew.
    let steps = "SELECT DISTINCT kind FROM insforge.create_policies('notes', 'org', '{\"author_column\": \"author\"}')";
    assert_eq!(restored.one(steps).await?, "grant");
    assert_eq!(restored.outcome("notes", "member", "update_org").await?, "denied");
    restored.run("SELECT insforge.drop_policies('notes')").await?;
    let left = "SELECT count(*) FROM pg_policies WHERE tablename = 'notes'";
    assert_eq!(restored.one(left).await?, "0");
    let open = "SELECT has_table_privilege('anon', 'notes', 'SELECT')";
    assert_eq!(restored.one(open).await?, "t", "as it was before the policies");
    Ok(())
}

#[tokio::test]
async fn a_role_that_owns_its_tables_and_serves_requests_is_bound_when_forced() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE ROLE rls_app; CREATE SCHEMA app AUTHORIZATION rls_app; SELECT insforge.grant_developer('rls_app');
             SET ROLE rls_app; CREATE TABLE app.notes (id int PRIMARY KEY, user_id text)",
        )
        .await?;
    let before = sandbox.snapshot("app.notes").await?;
    let refusal = sandbox
        .refusal(r#"SELECT insforge.create_policies('app.notes', 'owner', '{"to": ["rls_app"]}')"#)
        .await?;
    assert_eq!(refusal.code, "22023");
    assert!(refusal.hint.contains("force"), "{refusal:?}");
    let forced = r#"{"to": ["rls_app"], "force": true}"#;
    assert!(sandbox.create("app.notes", "owner", forced).await? > 0);
    assert_eq!(sandbox.create("app.notes", "owner", forced).await?, 0);
    sandbox.run("RESET ROLE").await?;
    for (actor, command, outcome) in [
        ("owner", "select", "rows"),
        ("owner", "insert", "rows"),
        ("other", "select", "no_rows"),
        ("other", "insert_for_other", "denied"),
    ] {
        assert_eq!(
            sandbox.outcome("app.notes", actor, command).await?,
            outcome,
            "{actor} {command}"
        );
    }
    sandbox
        .run("SET ROLE rls_app; SELECT insforge.drop_policies('app.notes'); RESET ROLE")
        .await?;
    assert_eq!(sandbox.snapshot("app.notes").await?, before);
    Ok(())
}
