//! A database with the guide's identity function keeps it, and hands it over when told to.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use insforge_tests::cluster::{Database, Template};

use crate::dump_restore::copy;
use crate::rls_support::{Sandbox, Session};

/// The identity function as the guides have had it, the older one last.
const BODIES: [&str; 2] = [
    "nullif(auth.jwt() ->> 'sub', '')::text",
    "nullif(current_setting('request.jwt.claims', true)::json ->> 'sub', '')::text",
];

/// Where it is, who may call it, and what hangs on it.
const HANDLE: &str = "SELECT format('%s %s %s: %s', p.oid, p.proowner, p.proacl, (
    SELECT string_agg(pg_describe_object(classid, objid, objsubid), ', ' ORDER BY classid, objid)
    FROM pg_depend WHERE refobjid = p.oid))
  FROM pg_proc p WHERE p.oid = to_regprocedure('public.requesting_user_id()')";

/// Runs statements in psql and returns what it says besides results.
pub(crate) fn psql(database: &Database, sql: &str) -> Result<String> {
    let mut psql = Command::new(database.server().installation.program("psql"));
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--set",
        "ON_ERROR_STOP=1",
        "--command",
        sql,
    ]);
    let out = psql.arg(database.url()).env_clear().output()?;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    ensure!(out.status.success(), "{sql}: {said}");
    Ok(said)
}

/// An InsForge database with the guide's function, and a table whose policy and default call it.
async fn with_guide_identity(body: &str) -> Result<Sandbox> {
    let sandbox = Sandbox::of(Template::InsForge).await?;
    sandbox
        .run(&format!(
            "CREATE FUNCTION public.requesting_user_id() RETURNS text LANGUAGE sql STABLE AS $$ SELECT {body} $$;
             REVOKE EXECUTE ON FUNCTION public.requesting_user_id() FROM PUBLIC;
             GRANT EXECUTE ON FUNCTION public.requesting_user_id() TO authenticated;
             CREATE TABLE notes (id serial PRIMARY KEY, user_id text NOT NULL DEFAULT public.requesting_user_id());
             ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON notes TO authenticated USING (user_id = public.requesting_user_id())"
        ))
        .await?;
    Ok(sandbox)
}

/// Ada writes a note that the default makes hers, sees it, and Eve does not.
async fn assert_policies_work(session: &Session, when: &str) -> Result<()> {
    session
        .run(
            r#"BEGIN; SET LOCAL ROLE authenticated; SET LOCAL "request.jwt.claims" = '{"sub": "ada"}';
               INSERT INTO notes DEFAULT VALUES"#,
        )
        .await
        .with_context(|| when.to_owned())?;
    let hers = session.rows("SELECT user_id FROM notes").await?;
    let others = session
        .rows(r#"SET LOCAL "request.jwt.claims" = '{"sub": "eve"}'; SELECT user_id FROM notes"#)
        .await?;
    session.run("ROLLBACK").await?;
    assert_eq!(hers, [["ada"]], "{when}");
    assert!(others.is_empty(), "{when}: {others:?}");
    Ok(())
}

pub(crate) async fn restored(sandbox: &Sandbox) -> Result<(Database, Session)> {
    let new = Database::create(Template::Empty).await?;
    copy(&sandbox.db, &new)?;
    let client = new.client().await?;
    Ok((new, Session { client }))
}

#[tokio::test]
async fn the_guides_identity_function_is_kept_with_a_warning_until_it_is_adopted_in_place() -> Result<()> {
    for body in BODIES {
        let sandbox = with_guide_identity(body).await?;
        let (handle, source) = (
            sandbox.one(HANDLE).await?,
            "SELECT prosrc FROM pg_proc WHERE oid = 'public.requesting_user_id()'::regprocedure",
        );
        let kept = sandbox.one(source).await?;
        let said = psql(&sandbox.db, "CREATE EXTENSION insforge_integrations")?;
        assert!(
            said.contains("WARNING:  public.requesting_user_id() exists already"),
            "{said}"
        );
        assert_eq!(sandbox.one(source).await?, kept);
        assert_policies_work(&sandbox, "kept").await?;

        sandbox.run("SELECT insforge.adopt_requesting_user_id()").await?;
        assert_eq!(
            sandbox.one(HANDLE).await?,
            handle,
            "same object, owner, privileges, dependents"
        );
        assert_policies_work(&sandbox, "adopted").await?;
        let definition = "SELECT pg_get_functiondef('public.requesting_user_id()'::regprocedure)";
        let adopted = sandbox.one(definition).await?;
        assert!(adopted.contains("insforge.requesting_user_id()"), "{adopted}");
        sandbox.run("SELECT insforge.adopt_requesting_user_id()").await?;
        assert_eq!(sandbox.one(definition).await?, adopted, "again is a no-op");
    }
    Ok(())
}

#[tokio::test]
async fn adoption_mends_the_error_of_the_older_body_on_claims_that_were_reset() -> Result<()> {
    let sandbox = with_guide_identity(BODIES[1]).await?;
    let ask = r#"SET "request.jwt.claims" = ''; SELECT public.requesting_user_id() IS NULL"#;
    sandbox.run("CREATE EXTENSION insforge_integrations").await?;
    assert_eq!(sandbox.refusal(ask).await?.code, "22P02");
    sandbox.run("SELECT insforge.adopt_requesting_user_id()").await?;
    assert_eq!(sandbox.one(ask).await?, "t");
    Ok(())
}

#[tokio::test]
async fn only_the_owner_of_the_identity_function_adopts_it() -> Result<()> {
    let sandbox = with_guide_identity(BODIES[0]).await?;
    sandbox
        .run("CREATE EXTENSION insforge_integrations; CREATE ROLE adoption_stranger")
        .await?;
    for role in ["adoption_stranger", "anon", "authenticated", "project_admin"] {
        let attempt = format!("BEGIN; SET LOCAL ROLE {role}; SELECT insforge.adopt_requesting_user_id()");
        assert_eq!(sandbox.refusal(&attempt).await?.code, "42501", "{role}");
    }
    sandbox
        .run(
            "GRANT CREATE ON SCHEMA public TO project_admin;
             ALTER FUNCTION public.requesting_user_id() OWNER TO project_admin;
             SET ROLE project_admin; SELECT insforge.adopt_requesting_user_id(); RESET ROLE",
        )
        .await?;
    assert_policies_work(&sandbox, "adopted by its owner").await
}

#[tokio::test]
async fn whoever_owned_the_identity_function_cannot_change_it_once_a_superuser_has_adopted_it() -> Result<()>
{
    let sandbox = with_guide_identity(BODIES[0]).await?;
    sandbox
        .run(
            "CREATE EXTENSION insforge_integrations; GRANT CREATE ON SCHEMA public TO project_admin;
             ALTER FUNCTION public.requesting_user_id() OWNER TO project_admin;
             SELECT insforge.adopt_requesting_user_id()",
        )
        .await?;
    let forge = "BEGIN; SET LOCAL ROLE project_admin;
        CREATE OR REPLACE FUNCTION public.requesting_user_id() RETURNS text LANGUAGE sql AS $$SELECT 'user_2x'$$";
    assert_eq!(sandbox.refusal(forge).await?.code, "42501");
    assert_policies_work(&sandbox, "adopted by a superuser").await
}

#[tokio::test]
async fn dropping_the_extension_leaves_an_identity_function_that_was_never_adopted() -> Result<()> {
    // The third form is how newer tools write a body: Postgres parses it when the function is made.
    for body in [BODIES[0], BODIES[1], "atomic"] {
        let sandbox = with_guide_identity(BODIES[0]).await?;
        let text = if body == "atomic" {
            format!("RETURN {}", BODIES[0])
        } else {
            format!("AS $$ SELECT {body} $$")
        };
        sandbox
            .run(&format!(
                "CREATE OR REPLACE FUNCTION public.requesting_user_id() RETURNS text LANGUAGE sql STABLE {text};
                 CREATE EXTENSION insforge_integrations; DROP EXTENSION insforge_integrations"
            ))
            .await?;
        assert_policies_work(&sandbox, body).await?;
    }
    Ok(())
}

#[tokio::test]
async fn dropping_the_extension_after_adoption_is_refused_while_policies_depend_on_it() -> Result<()> {
    let sandbox = with_guide_identity(BODIES[0]).await?;
    sandbox
        .run("CREATE EXTENSION insforge_integrations; SELECT insforge.adopt_requesting_user_id()")
        .await?;
    assert_eq!(
        sandbox
            .refusal("DROP EXTENSION insforge_integrations")
            .await?
            .code,
        "2BP01"
    );
    assert_policies_work(&sandbox, "after the refusal").await
}

#[tokio::test]
async fn a_database_with_the_guides_identity_is_dumped_and_restored_kept_or_adopted() -> Result<()> {
    for body in BODIES {
        for adopt in [false, true] {
            let sandbox = with_guide_identity(body).await?;
            sandbox.run("CREATE EXTENSION insforge_integrations").await?;
            if adopt {
                sandbox.run("SELECT insforge.adopt_requesting_user_id()").await?;
            }
            let (_new, session) = restored(&sandbox).await?;
            assert_policies_work(&session, &format!("{body}, adopted: {adopt}")).await?;
        }
    }
    Ok(())
}
