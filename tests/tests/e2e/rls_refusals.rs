//! Bad input ends in an error that says what was wrong and what to do, and the table is as it was.

use anyhow::Result;

use crate::rls_support::{Sandbox, quote};

const TABLES: &str = "
  CREATE TABLE notes (id bigserial PRIMARY KEY, user_id text, body text);
  CREATE TABLE numbers (id int PRIMARY KEY, user_id int);
  CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE TABLE loosely (id int PRIMARY KEY, user_id text COLLATE loose);
  CREATE VIEW seen AS SELECT * FROM notes;
  CREATE MATERIALIZED VIEW kept AS SELECT * FROM notes;
  CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
  CREATE FOREIGN TABLE far (user_id text) SERVER nowhere;
  CREATE TABLE parts (id int, user_id text) PARTITION BY LIST (id);
  CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1)";

async fn sandbox() -> Result<Sandbox> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLES).await?;
    Ok(sandbox)
}

/// Every call is refused with its SQLSTATE, by the plan and by the deed; `notes` does not change.
async fn refused(sandbox: &Sandbox, cases: &[(&str, &str)]) -> Result<()> {
    let before = sandbox.snapshot("notes").await?;
    for (arguments, code) in cases {
        for function in ["plan_policies", "create_policies"] {
            let refusal = sandbox
                .refusal(&format!("SELECT * FROM insforge.{function}({arguments})"))
                .await?;
            assert_eq!(refusal.code, *code, "{function}({arguments}): {refusal:?}");
            assert!(!refusal.message.is_empty());
        }
    }
    assert_eq!(sandbox.snapshot("notes").await?, before);
    Ok(())
}

#[tokio::test]
async fn nulls_are_refused() -> Result<()> {
    let cases = [
        ("NULL, 'owner'", "22004"),
        ("'notes', NULL", "22004"),
        ("'notes', 'owner', NULL", "22004"),
    ];
    refused(&sandbox().await?, &cases).await
}

#[tokio::test]
async fn unknown_templates_and_options_are_refused_with_those_that_exist() -> Result<()> {
    let sandbox = sandbox().await?;
    let cases = [
        ("'notes', 'ownr'", "22023"),
        ("'notes', '*'", "22023"),
        ("'notes', 'owner', '{\"colum\": \"user_id\"}'", "22023"),
        ("'notes', 'owner', '[]'", "22023"),
        ("'notes', 'owner', '{\"column\": 1}'", "22023"),
        ("'notes', 'owner', '{\"immutable\": \"perhaps\"}'", "22023"),
        ("'notes', 'owner', '{\"to\": []}'", "22023"),
        ("'notes', 'owner', '{\"to\": [\"public\"]}'", "22023"),
        ("'notes', 'shared'", "22023"),
    ];
    refused(&sandbox, &cases).await?;
    let refusal = sandbox
        .refusal("SELECT insforge.create_policies('notes', 'ownr')")
        .await?;
    assert!(refusal.hint.contains("owner_public_read"), "{refusal:?}");
    let refusal = sandbox
        .refusal(r#"SELECT insforge.create_policies('notes', 'owner', '{"colum": "x"}')"#)
        .await?;
    assert!(
        refusal.message.contains("colum") && refusal.hint.contains("column"),
        "{refusal:?}"
    );
    Ok(())
}

#[tokio::test]
async fn misspelt_and_missing_columns_are_refused_with_those_that_exist() -> Result<()> {
    let sandbox = sandbox().await?;
    let cases = [
        ("'notes', 'owner', '{\"column\": \"userid\"}'", "42703"),
        ("'notes', 'org'", "42703"),
        (
            "'notes', 'owner_public_read', '{\"published\": \"live\"}'",
            "42703",
        ),
        ("'notes', 'storage_owner', '{\"bucket\": \"b\"}'", "42703"),
        ("'notes', 'realtime_channel', '{\"pattern\": \"b:%\"}'", "42703"),
        ("'notes', 'shared', '{\"acl\": \"numbers\"}'", "42703"),
    ];
    refused(&sandbox, &cases).await?;
    let refusal = sandbox
        .refusal(r#"SELECT insforge.create_policies('notes', 'owner', '{"column": "userid"}')"#)
        .await?;
    assert!(refusal.hint.contains("id, user_id, body"), "{refusal:?}");
    Ok(())
}

#[tokio::test]
async fn relations_that_cannot_have_policies_are_refused() -> Result<()> {
    let cases = [
        ("'nothing_here', 'owner'", "42P01"),
        ("'99999999'::oid::regclass, 'owner'", "42P01"),
        ("'seen', 'owner'", "42809"),
        ("'kept', 'owner'", "42809"),
        ("'far', 'owner'", "42809"),
        ("'notes_id_seq', 'owner'", "42809"),
        ("'notes_pkey', 'owner'", "42809"),
        ("'part_1', 'owner'", "42809"),
        ("'pg_class', 'owner'", "42809"),
        ("'insforge.memberships', 'owner'", "42809"),
        ("'notes', 'shared', '{\"acl\": \"nothing_here\"}'", "42P01"),
        ("'notes', 'shared', '{\"acl\": \"; drop table notes\"}'", "42P01"),
    ];
    refused(&sandbox().await?, &cases).await
}

#[tokio::test]
async fn columns_whose_equality_is_not_that_of_ids_are_refused() -> Result<()> {
    let cases = [("'numbers', 'owner'", "42804"), ("'loosely', 'owner'", "42P22")];
    refused(&sandbox().await?, &cases).await
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_refused() -> Result<()> {
    refused(
        &sandbox().await?,
        &[("'notes', 'owner', '{\"to\": [\"rls_nobody\"]}'", "42704")],
    )
    .await
}

#[tokio::test]
async fn objects_of_our_names_that_we_did_not_make_are_refused_and_kept() -> Result<()> {
    let sandbox = sandbox().await?;
    let cases = [
        (
            "CREATE POLICY insforge_owner_select ON notes USING (true)",
            "DROP POLICY insforge_owner_select ON notes",
        ),
        (
            "CREATE INDEX notes_user_id_insforge_idx ON notes (body)",
            "DROP INDEX notes_user_id_insforge_idx",
        ),
        (
            "CREATE TRIGGER insforge_keep_columns BEFORE UPDATE ON notes
             FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "DROP TRIGGER insforge_keep_columns ON notes",
        ),
    ];
    for (obstacle, away) in cases {
        sandbox.run(obstacle).await?;
        refused(
            &sandbox,
            &[("'notes', 'owner', '{\"immutable\": \"trigger\"}'", "42710")],
        )
        .await?;
        sandbox.run(away).await?;
    }
    Ok(())
}

#[tokio::test]
async fn rows_without_an_owner_are_refused_and_everything_stays() -> Result<()> {
    let sandbox = sandbox().await?;
    sandbox.run("INSERT INTO notes (body) VALUES ('whose?')").await?;
    let before = sandbox.snapshot("notes").await?;
    let refusal = sandbox
        .refusal("SELECT insforge.create_policies('notes', 'owner')")
        .await?;
    assert_eq!(refusal.code, "23502");
    assert!(refusal.hint.contains("not_null"), "{refusal:?}");
    assert_eq!(sandbox.snapshot("notes").await?, before);
    Ok(())
}

#[tokio::test]
async fn who_does_not_own_the_table_is_refused() -> Result<()> {
    let sandbox = sandbox().await?;
    sandbox
        .run("CREATE ROLE rls_visitor; SELECT insforge.grant_developer('rls_visitor')")
        .await?;
    for call in ["create_policies('notes', 'owner')", "drop_policies('notes')"] {
        if call.starts_with("drop") {
            sandbox.create("notes", "owner", "{}").await?;
        }
        let before = sandbox.snapshot("notes").await?;
        let refusal = sandbox
            .refusal(&format!(
                "BEGIN; SET LOCAL ROLE rls_visitor; SELECT insforge.{call}"
            ))
            .await?;
        assert_eq!(refusal.code, "42501", "{call}: {refusal:?}");
        assert_eq!(sandbox.snapshot("notes").await?, before);
    }
    Ok(())
}

#[tokio::test]
async fn a_grant_that_cannot_be_revoked_is_an_error_and_not_an_open_table() -> Result<()> {
    let sandbox = sandbox().await?;
    sandbox
        .run(
            "REVOKE ALL ON notes FROM anon; CREATE ROLE rls_broker; GRANT SELECT ON notes TO rls_broker WITH GRANT OPTION;
             SET ROLE rls_broker; GRANT SELECT ON notes TO anon; RESET ROLE",
        )
        .await?;
    let before = sandbox.snapshot("notes").await?;
    let refusal = sandbox
        .refusal("SELECT insforge.create_policies('notes', 'owner')")
        .await?;
    assert_eq!(refusal.code, "42501");
    assert_eq!(sandbox.snapshot("notes").await?, before);
    Ok(())
}

#[tokio::test]
async fn shares_that_anybody_could_write_are_refused_with_the_call_that_protects_them() -> Result<()> {
    let sandbox = sandbox().await?;
    sandbox
        .run("CREATE TABLE note_shares (note bigint REFERENCES notes, user_id text)")
        .await?;
    let refusal = sandbox
        .refusal(r#"SELECT insforge.create_policies('notes', 'shared', '{"acl": "note_shares"}')"#)
        .await?;
    assert_eq!(refusal.code, "55000");
    sandbox.run(&refusal.hint).await?;
    assert!(
        sandbox
            .create("notes", "shared", r#"{"acl": "note_shares"}"#)
            .await?
            > 0
    );
    Ok(())
}

#[tokio::test]
async fn an_editor_is_never_left_free_to_take_a_row_over() -> Result<()> {
    let sandbox = sandbox().await?;
    sandbox
        .run("CREATE TABLE note_shares (note bigint REFERENCES notes, user_id text, level text)")
        .await?;
    sandbox
        .create("note_shares", "share_list", r#"{"of": "notes"}"#)
        .await?;
    let check = r#"'notes', 'shared', '{"acl": "note_shares", "acl_level": "level", "immutable": "check"}'"#;
    refused(&sandbox, &[(check, "22023")]).await
}

#[tokio::test]
async fn shares_without_a_foreign_key_are_refused_since_a_key_could_come_again() -> Result<()> {
    let sandbox = sandbox().await?;
    sandbox
        .run("CREATE TABLE note_shares (note bigint, user_id text)")
        .await?;
    let list = r#"'note_shares', 'share_list', '{"of": "notes", "acl_key": "note"}'"#;
    refused(&sandbox, &[(list, "42830")]).await?;
    let refusal = sandbox
        .refusal(&format!("SELECT insforge.create_policies({list})"))
        .await?;
    let mended = refusal.hint.split("; or").next().unwrap_or_default();
    sandbox.run(mended).await?;
    sandbox
        .run(&format!("SELECT insforge.create_policies({list})"))
        .await?;
    sandbox
        .run("ALTER TABLE note_shares DROP CONSTRAINT note_shares_note_fkey")
        .await?;
    let rows = r#"'notes', 'shared', '{"acl": "note_shares", "acl_key": "note"}'"#;
    refused(&sandbox, &[(rows, "42830")]).await
}

#[tokio::test]
async fn a_slot_that_is_not_there_is_refused_with_those_that_are() -> Result<()> {
    let sandbox = sandbox().await?;
    sandbox.create("notes", "owner", "{}").await?;
    let refusal = sandbox
        .refusal(&format!(
            "SELECT insforge.drop_policies({}, 'fence')",
            quote("notes")
        ))
        .await?;
    assert_eq!(refusal.code, "22023");
    assert!(refusal.hint.contains("table"), "{refusal:?}");
    Ok(())
}
