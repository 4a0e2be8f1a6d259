//! Who may audit, and what an audit must not be talked into.

use anyhow::Result;

use crate::audit_support::{findings, insforge};

#[tokio::test]
async fn anon_and_authenticated_cannot_call_any_part_of_the_audit() -> Result<()> {
    let sandbox = insforge().await?;
    let open = "SELECT r.rolname, p.oid::regprocedure FROM pg_proc p, pg_roles r
      WHERE p.pronamespace = 'insforge'::regnamespace AND p.proname ~ '^(audit|lint_|suppress|unsuppress|grant_audit)'
        AND r.rolname IN ('anon', 'authenticated') AND has_function_privilege(r.oid, p.oid, 'EXECUTE')";
    let open = sandbox.rows(open).await?;
    assert!(open.is_empty(), "{open:?}");
    let refusal = sandbox
        .refusal("BEGIN; SET LOCAL ROLE authenticated; TABLE insforge.suppressions")
        .await?;
    assert_eq!(refusal.code, "42501");
    Ok(())
}

#[tokio::test]
async fn project_admin_can_audit_and_suppress_from_the_start() -> Result<()> {
    let sandbox = insforge().await?;
    sandbox.run("SET ROLE project_admin").await?;
    findings(&sandbox).await?;
    sandbox
        .run("SELECT insforge.suppress('L11', 'table a.b', 'why')")
        .await?;
    assert_eq!(
        sandbox
            .one("SELECT insforge.unsuppress('L11', 'table a.b')")
            .await?,
        "t"
    );
    Ok(())
}

#[tokio::test]
async fn a_role_without_any_other_privilege_can_be_let_in_and_sees_the_same() -> Result<()> {
    let sandbox = insforge().await?;
    sandbox
        .run("CREATE TABLE open (id int PRIMARY KEY); CREATE ROLE audit_guest; SELECT insforge.grant_audit('audit_guest');
              SELECT insforge.grant_audit('audit_guest'); GRANT SELECT ON storage.objects TO authenticated")
        .await?;
    let all = findings(&sandbox).await?;
    assert!(!all.is_empty());
    sandbox.run("SET ROLE audit_guest").await?;
    let seen = findings(&sandbox).await?;
    sandbox
        .run("RESET ROLE; DROP OWNED BY audit_guest; DROP ROLE audit_guest")
        .await?;
    assert_eq!(seen, all);
    Ok(())
}

#[tokio::test]
async fn the_roles_of_visitors_cannot_be_let_in() -> Result<()> {
    let sandbox = insforge().await?;
    for (role, code) in [
        ("'anon'", "22023"),
        ("'authenticated'", "22023"),
        ("NULL", "22004"),
    ] {
        assert_eq!(
            sandbox
                .refusal(&format!("SELECT insforge.grant_audit({role})"))
                .await?
                .code,
            code,
            "{role}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn names_in_public_and_pg_temp_do_not_change_what_is_found() -> Result<()> {
    let sandbox = insforge().await?;
    sandbox.run("CREATE TABLE open (id int PRIMARY KEY)").await?;
    let all = findings(&sandbox).await?;
    sandbox
        .run(
            "CREATE TEMP TABLE pg_policy (oid oid); CREATE TEMP TABLE pg_class (oid oid); CREATE TEMP TABLE pg_proc (oid oid);
             CREATE FUNCTION pg_temp.format(text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'hijacked' $$;
             CREATE FUNCTION pg_temp.never(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
             CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.never);
             SET search_path = pg_temp, public, pg_catalog",
        )
        .await?;
    assert_eq!(findings(&sandbox).await?, all);
    Ok(())
}

#[tokio::test]
async fn an_audit_runs_nobody_elses_code() -> Result<()> {
    let sandbox = insforge().await?;
    sandbox
        .run(
            "DROP TABLE storage.buckets CASCADE;
             CREATE TABLE public.trace (who text); GRANT INSERT ON public.trace TO PUBLIC;
             CREATE FUNCTION public.leave_trace() RETURNS text LANGUAGE plpgsql
               AS $$ BEGIN INSERT INTO public.trace VALUES (current_user); RETURN 'docs'; END $$;
             CREATE VIEW storage.buckets AS SELECT public.leave_trace() AS name, true AS public;
             ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
             CREATE POLICY mine ON storage.objects FOR SELECT TO authenticated
               USING (bucket = 'docs' AND uploaded_by = (SELECT insforge.requesting_user_id()));",
        )
        .await?;
    findings(&sandbox).await?;
    assert_eq!(sandbox.one("SELECT count(*) FROM public.trace").await?, "0");
    Ok(())
}

#[tokio::test]
async fn a_secret_found_in_a_setting_is_not_shown() -> Result<()> {
    let sandbox = insforge().await?;
    let setting = format!(
        "ALTER DATABASE \"{}\" SET app.settings.jwt_secret = 'hunter-2-hunter-2'",
        sandbox.db.name
    );
    sandbox.run(&setting).await?;
    let shown =
        "SELECT count(*), bool_or(f::text LIKE '%hunter%') FROM insforge.audit() f WHERE rule_id = 'L33'";
    assert_eq!(sandbox.rows(shown).await?, [["1", "f"]]);
    Ok(())
}
