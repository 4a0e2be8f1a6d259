//! Who may do what.

use pgrx::prelude::*;

use super::support::*;

#[pg_schema]
mod tests {
    use super::*;

    /// Functions of our schemas whose comment and whose privileges disagree.
    const TOLD_AND_GRANTED: &str = r"
        SELECT string_agg(told.name, ', ') FROM (
          SELECT p.oid::regprocedure::text AS name, obj_description(p.oid, 'pg_proc') AS says,
            has_function_privilege('stranger', p.oid, 'EXECUTE') AS everybody,
            has_function_privilege('sidecar_role', p.oid, 'EXECUTE') AS sidecar
          FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
          WHERE p.pronamespace IN ('x402'::regnamespace, 'insforge'::regnamespace) AND p.proname !~ '^_'
        ) told
        WHERE everybody <> (says ~ 'Execute:\s*(everybody|PUBLIC)')
           OR NOT everybody AND sidecar <> (says ~ 'Execute:.*sidecar') OR says IS NULL";

    #[pg_test]
    fn every_function_says_who_may_call_it_and_nobody_else_can() {
        Spi::run("CREATE ROLE stranger; CREATE ROLE sidecar_role").unwrap();
        Spi::run("SELECT insforge.grant_sidecar('sidecar_role')").unwrap();
        assert_eq!(one(TOLD_AND_GRANTED), None);
    }

    #[pg_test]
    fn a_stranger_reads_and_writes_no_table_of_ours() {
        Spi::run("CREATE ROLE stranger").unwrap();
        let open = one(
            "SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
             JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
             WHERE c.relkind IN ('r', 'v', 'S')
               AND (c.relkind = 'S' AND has_sequence_privilege('stranger', c.oid, 'SELECT, UPDATE, USAGE')
                 OR c.relkind <> 'S' AND has_table_privilege('stranger', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'))",
        );
        assert_eq!(open, None);
    }
}
