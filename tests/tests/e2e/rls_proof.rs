//! `access_matrix` and `impersonate` leave no trace.

use anyhow::Result;
use futures_util::StreamExt;
use tokio_postgres::{AsyncMessage, NoTls};

use crate::rls_support::Sandbox;

const TABLE: &str = "
  CREATE TABLE notes (id bigserial PRIMARY KEY, user_id text, org_id text, body text);
  CREATE TABLE seen_by_trigger (who text);
  CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO seen_by_trigger VALUES (NEW.user_id);
    PERFORM pg_notify('rls_shouts', NEW.user_id);
    RETURN NEW; END $$;
  CREATE TRIGGER shout AFTER INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION shout()";

#[tokio::test]
async fn the_matrix_leaves_no_rows_memberships_roles_or_claims() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    sandbox
        .create("notes", "org", r#"{"author_column": "user_id"}"#)
        .await?;
    let state = "SELECT (SELECT count(*) FROM notes), (SELECT count(*) FROM seen_by_trigger),
      (SELECT count(*) FROM insforge.memberships), current_user, current_setting('request.jwt.claims', true),
      current_setting('search_path')";
    let before = sandbox.rows(state).await?;
    sandbox
        .rows("SELECT * FROM insforge.access_matrix('notes')")
        .await?;
    assert_eq!(sandbox.rows(state).await?, before);
    sandbox
        .rows("BEGIN; SELECT * FROM insforge.access_matrix('notes'); COMMIT")
        .await?;
    assert_eq!(sandbox.rows(state).await?, before);
    let locks =
        "SELECT count(*) FROM pg_locks WHERE relation = 'notes'::regclass AND mode LIKE '%Exclusive%'";
    let held = sandbox
        .rows(&format!(
            "BEGIN; SELECT FROM insforge.access_matrix('notes'); {locks}; COMMIT"
        ))
        .await?;
    assert!(held.is_empty() || held == [["0"]], "{held:?}");
    Ok(())
}

#[tokio::test]
async fn the_matrix_sends_no_notifications() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    let (listener, mut connection) = tokio_postgres::connect(&sandbox.db.url(), NoTls).await?;
    let heard = tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(shout) = message {
                return shout.payload().to_owned();
            }
        }
        String::new()
    });
    listener.batch_execute("LISTEN rls_shouts").await?;
    sandbox
        .rows("SELECT * FROM insforge.access_matrix('notes')")
        .await?;
    sandbox
        .run("INSERT INTO notes (user_id) VALUES ('the first that counts')")
        .await?;
    assert_eq!(heard.await?, "the first that counts");
    Ok(())
}

#[tokio::test]
async fn triggers_and_defaults_of_the_application_run_with_the_callers_search_path() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox.run(TABLE).await?;
    let errors = "SELECT * FROM insforge.access_matrix('notes') WHERE outcome = 'error'";
    assert!(sandbox.rows(errors).await?.is_empty());
    let broken = sandbox
        .rows(&format!(
            "SET search_path = pg_catalog; {}",
            errors.replace("'notes'", "'public.notes'")
        ))
        .await;
    assert!(
        broken.is_err() || !broken?.is_empty(),
        "the trigger names its table without a schema"
    );
    Ok(())
}

#[tokio::test]
async fn columns_can_be_named_where_they_cannot_be_guessed() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run(
            "CREATE TABLE things (id int PRIMARY KEY, keeper text,
               state text NOT NULL CHECK (state ~ '^s[0-9]$'))",
        )
        .await?;
    sandbox
        .run(
            "ALTER TABLE things ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON things TO authenticated USING (keeper = requesting_user_id())",
        )
        .await?;
    let refusal = sandbox.refusal("SELECT insforge.access_matrix('things')").await?;
    assert_eq!(refusal.code, "23514");
    assert!(refusal.hint.contains("values"), "{refusal:?}");
    let options = r#"{"owner_column": "keeper", "values": {"state": "s1"}}"#;
    let select = format!(
        "SELECT outcome FROM insforge.access_matrix('things', '{options}') WHERE command = 'select' AND actor"
    );
    assert_eq!(sandbox.one(&format!("{select} = 'owner'")).await?, "rows");
    assert_eq!(sandbox.one(&format!("{select} = 'other'")).await?, "no_rows");
    for bad in [
        "NULL",
        "'things', '[]'",
        "'things', '{\"x\": 1}'",
        "'things', '{\"values\": {\"nothing\": \"x\"}}'",
        "'pg_views'",
    ] {
        let code = sandbox
            .refusal(&format!("SELECT insforge.access_matrix({bad})"))
            .await?
            .code;
        assert!(
            ["22004", "22023", "42703", "42809"].contains(&code.as_str()),
            "{bad}: {code}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_matrix_sees_a_hole_that_somebody_made() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    sandbox
        .run("CREATE TABLE notes (id bigserial PRIMARY KEY, user_id text)")
        .await?;
    sandbox.create("notes", "owner", "{}").await?;
    sandbox
        .run("CREATE POLICY oops ON notes FOR UPDATE TO authenticated USING (true)")
        .await?;
    sandbox
        .run("CREATE POLICY oops_too ON notes FOR SELECT TO authenticated USING (true)")
        .await?;
    assert_eq!(sandbox.outcome("notes", "other", "update_owner").await?, "rows");
    Ok(())
}

#[tokio::test]
async fn impersonating_ends_with_the_transaction() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    let who = "SELECT current_user, insforge.requesting_user_id(), insforge.claim('plan')";
    let become_ada =
        r#"SELECT insforge.impersonate('ada', 'authenticated', '{"plan": "pro", "sub": "eve"}')"#;
    let seen = sandbox.rows(&format!("BEGIN; {become_ada}; {who}")).await?;
    assert_eq!(seen, [["authenticated", "ada", "pro"]]);
    sandbox.run("ROLLBACK").await?;
    assert_eq!(sandbox.rows(who).await?, [["postgres", "", ""]]);
    let seen = sandbox
        .rows(&format!(
            "BEGIN; SELECT insforge.impersonate(NULL, 'anon'); {who}"
        ))
        .await?;
    assert_eq!(seen, [["anon", "", ""]]);
    sandbox.run("ROLLBACK").await
}

#[tokio::test]
async fn impersonating_nobody_in_particular_is_refused() -> Result<()> {
    let sandbox = Sandbox::insforge().await?;
    for (arguments, code) in [
        ("'ada', 'rls_no_such_role'", "42704"),
        ("'ada', NULL", "42704"),
        ("'   '", "22023"),
        ("repeat('x', 1025)", "22023"),
        ("'ada', 'anon', '[]'", "22023"),
    ] {
        assert_eq!(
            sandbox
                .refusal(&format!("SELECT insforge.impersonate({arguments})"))
                .await?
                .code,
            code,
            "{arguments}"
        );
    }
    Ok(())
}
