//! The audit as a whole: its rows, what it is asked, what is suppressed, where it runs.

use anyhow::Result;
use insforge_tests::cluster::{Options, Server, Template};
use tokio_postgres::NoTls;

use crate::audit_support::{Finding, findings, insforge};
use crate::rls_support::{Sandbox, Session};

/// A little of everything: critical, warning and info, security, performance and health.
const MESS: &str = "
  CREATE TABLE open (id int PRIMARY KEY, user_id text, amount float8);
  CREATE TABLE \"Odd Name\" (id int PRIMARY KEY, \"userId\" text NOT NULL);
  ALTER TABLE \"Odd Name\" ENABLE ROW LEVEL SECURITY;
  CREATE POLICY \"it's mine\" ON \"Odd Name\" FOR SELECT TO authenticated USING (\"userId\" = requesting_user_id());
  CREATE POLICY other ON \"Odd Name\" FOR SELECT TO authenticated USING (id = 1);
  CREATE FUNCTION loose() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
  CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO anon;
  CREATE TABLE app.open (id int PRIMARY KEY); GRANT SELECT ON app.open TO anon;";

async fn messy() -> Result<Sandbox> {
    let sandbox = insforge().await?;
    sandbox.run(MESS).await?;
    Ok(sandbox)
}

#[tokio::test]
async fn a_row_has_the_columns_of_the_advisor() -> Result<()> {
    let sandbox = insforge().await?;
    let columns =
        "SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) FROM pg_attribute
      WHERE attrelid = (SELECT typrelid FROM pg_type WHERE oid = 'insforge.finding'::regtype)";
    let wanted = "rule_id text, severity text, category text, title text, description text, affected_object text, \
                  recommendation text, fix_sql text, cache_key text";
    assert_eq!(sandbox.one(columns).await?, wanted);
    Ok(())
}

#[tokio::test]
async fn rows_are_complete_ordered_and_free_of_oids() -> Result<()> {
    let sandbox = messy().await?;
    let odd = "SELECT * FROM insforge.audit() f
      WHERE f.severity NOT IN ('critical', 'warning', 'info') OR f.category NOT IN ('security', 'performance', 'health')
         OR f.rule_id !~ '^L\\d\\d$' OR f.cache_key <> f.rule_id || ':' || f.affected_object
         OR num_nulls(f.title, f.description, f.affected_object, f.recommendation) > 0
         OR concat(f.description, f.affected_object, f.recommendation, f.fix_sql) ~ '\\m[1-9]\\d{4}\\M'";
    let odd = sandbox.rows(odd).await?;
    assert!(odd.is_empty(), "{odd:?}");
    let order = "SELECT array_agg(n) = array_agg(n ORDER BY array_position('{critical,warning,info}', severity), rule_id,
      affected_object COLLATE \"C\") AND count(DISTINCT severity) = 3 FROM insforge.audit() WITH ORDINALITY f
      (rule_id, severity, category, title, description, affected_object, recommendation, fix_sql, cache_key, n)";
    assert_eq!(sandbox.one(order).await?, "t");
    Ok(())
}

#[tokio::test]
async fn a_finding_keeps_its_key_when_the_database_is_made_again() -> Result<()> {
    let (first, second) = (messy().await?, insforge().await?);
    second
        .run("CREATE TABLE in_between (id int); DROP TABLE in_between;")
        .await?;
    second.run(MESS).await?;
    assert_eq!(findings(&first).await?, findings(&second).await?);
    Ok(())
}

#[tokio::test]
async fn only_the_schemas_asked_for_are_audited() -> Result<()> {
    let sandbox = messy().await?;
    let objects = "SELECT affected_object FROM insforge.audit('{app}')";
    assert_eq!(sandbox.rows(objects).await?, [["table app.open"]]);
    assert_eq!(
        sandbox.one("SELECT count(*) FROM insforge.audit('{}')").await?,
        "0"
    );
    Ok(())
}

#[tokio::test]
async fn a_schema_that_is_not_there_or_null_is_refused() -> Result<()> {
    let sandbox = insforge().await?;
    let missing = sandbox.refusal("SELECT insforge.audit('{pubic}')").await?;
    assert_eq!(
        (missing.code.as_str(), missing.message.contains("pubic")),
        ("3F000", true)
    );
    assert_eq!(
        sandbox.refusal("SELECT insforge.audit('{NULL}')").await?.code,
        "22004"
    );
    Ok(())
}

#[tokio::test]
async fn a_suppressed_finding_is_left_out_until_it_is_unsuppressed() -> Result<()> {
    let sandbox = messy().await?;
    let all = findings(&sandbox).await?;
    let known = Finding::new("L11", "critical", "table app.open");
    sandbox
        .run("SELECT insforge.suppress('L11', 'table app.open', 'a public list')")
        .await?;
    sandbox
        .run("SELECT insforge.suppress('L11', 'table app.open', 'a list for everybody')")
        .await?;
    let rest = findings(&sandbox).await?;
    assert_eq!(all.difference(&rest).collect::<Vec<_>>(), [&known]);
    let trail = "SELECT reason, suppressed_by, suppressed_at <= now() FROM insforge.suppressions";
    assert_eq!(
        sandbox.rows(trail).await?,
        [["a list for everybody", "postgres", "t"]]
    );
    let undo = "SELECT insforge.unsuppress('L11', 'table app.open')";
    assert_eq!(sandbox.one(undo).await?, "t");
    assert_eq!(sandbox.one(undo).await?, "f");
    assert_eq!(findings(&sandbox).await?, all);
    Ok(())
}

#[tokio::test]
async fn a_suppression_needs_a_rule_an_object_and_a_reason() -> Result<()> {
    let sandbox = insforge().await?;
    for (arguments, code) in [
        ("'L99', 'table a.b', 'why'", "22023"),
        ("'l11', 'table a.b', 'why'", "22023"),
        ("'L45', 'table a.b', 'why'", "22023"),
        ("'L11', '', 'why'", "22023"),
        ("'L11', 'table a.b', ' '", "22023"),
        ("NULL, 'table a.b', 'why'", "22004"),
        ("'L11', NULL, 'why'", "22004"),
        ("'L11', 'table a.b', NULL", "22004"),
    ] {
        let refusal = sandbox
            .refusal(&format!("SELECT insforge.suppress({arguments})"))
            .await?;
        assert_eq!(refusal.code, code, "{arguments}");
    }
    assert_eq!(
        sandbox.one("SELECT count(*) FROM insforge.suppressions").await?,
        "0"
    );
    Ok(())
}

#[tokio::test]
async fn the_audit_writes_nothing() -> Result<()> {
    let sandbox = messy().await?;
    let all = findings(&sandbox).await?;
    sandbox.run("SET default_transaction_read_only = on").await?;
    assert_eq!(findings(&sandbox).await?, all);
    Ok(())
}

#[tokio::test]
async fn without_anon_and_authenticated_lints_about_them_are_silent() -> Result<()> {
    // A cluster of its own: roles belong to the cluster.
    let server = Server::start(&Options::default())?;
    let (client, connection) = tokio_postgres::connect(&server.url("postgres", "postgres"), NoTls).await?;
    tokio::spawn(connection);
    let session = Session { client };
    session.run("CREATE EXTENSION insforge_integrations").await?;
    session
        .run(
            "CREATE TABLE open (id int PRIMARY KEY, amount float8);
             CREATE FUNCTION loose() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
             CREATE TABLE notes (id int PRIMARY KEY, user_id text);
             CREATE POLICY mine ON notes USING (user_id = current_user)",
        )
        .await?;
    let rules: Vec<_> = findings(&session)
        .await?
        .into_iter()
        .map(|f| (f.rule, f.object))
        .collect();
    let wanted = [
        ("L12", "table public.notes"),
        ("L25", "column public.notes.user_id"),
        ("L29", "function public.loose()"),
        ("L44", "column public.open.amount"),
    ];
    assert_eq!(
        rules,
        wanted.map(|(rule, object)| (rule.to_owned(), object.to_owned()))
    );
    Ok(())
}

#[tokio::test]
async fn a_database_without_insforges_schemas_can_be_audited() -> Result<()> {
    let sandbox = Sandbox::of(Template::Extension).await?;
    assert!(findings(&sandbox).await?.is_empty());
    Ok(())
}
