//! Functions whose bodies no statement has run yet are looked at as well: a name that means two things fails only when
//! it is met.

use anyhow::Result;
use insforge_tests::cluster::Template;

use crate::rls_support::Sandbox;

/// Every function in PL/pgSQL of the extension, a trigger's with each table it stands on.
const ERRORS: &str = "
    SELECT p.oid::regprocedure::text || ': ' || found FROM pg_proc p
      JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
      JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'insforge_integrations'
      JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
      LEFT JOIN pg_trigger t ON t.tgfoid = p.oid,
      LATERAL plpgsql_check_function(p.oid, coalesce(t.tgrelid, 0), fatal_errors => false, other_warnings => false,
        extra_warnings => false, performance_warnings => false, oldtable => t.tgoldtable, newtable => t.tgnewtable)
        AS found
    WHERE found LIKE 'error:%' AND (p.prorettype <> 'trigger'::regtype OR t.oid IS NOT NULL)";

#[tokio::test]
async fn no_function_of_the_extension_holds_a_statement_that_can_never_run() -> Result<()> {
    let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
    let client = &sandbox.client;
    let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'plpgsql_check'";
    if client.query_one(available, &[]).await?.get::<_, i64>(0) == 0 {
        eprintln!("SKIPPED: plpgsql_check is not installed; this test proved nothing");
        return Ok(());
    }
    // What a lint reads where InsForge's storage is there.
    let storage = "CREATE SCHEMA IF NOT EXISTS storage;
        CREATE TABLE IF NOT EXISTS storage.buckets (name text, public boolean)";
    client.batch_execute(storage).await?;
    client.batch_execute("CREATE EXTENSION plpgsql_check").await?;
    let rows = client.query(ERRORS, &[]).await?;
    let errors: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    Ok(())
}
