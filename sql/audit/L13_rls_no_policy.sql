-- Row-level security without a policy shows no row to anybody. Where anon or authenticated holds privileges, one of
-- the two was not meant.
CREATE FUNCTION insforge.lint_l13(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L13', 'warning', 'security', 'Row-level security is on without a policy',
    format('The %s grants %s to anon or authenticated, yet has no policy: they see no rows and can write none.',
           t.object, array_to_string(t.privileges, ', ')),
    t.object,
    'Add policies. If only the server uses the table, revoke the privileges, so that this is visible.',
    coalesce(insforge.audit_owner_policies(t.id),
             format('REVOKE ALL ON TABLE %s FROM %s;', t.id::regclass, insforge.audit_grantees(context.runtime))),
    'L13:' || t.object
  FROM unnest(context.tables) t
  WHERE t.rls AND cardinality(t.policies) = 0 AND cardinality(t.privileges) > 0 AND NOT t.platform
$fn$;
COMMENT ON FUNCTION insforge.lint_l13(insforge.audit_context) IS
'L13 rls_no_policy, described in docs/lints/L13_rls_no_policy.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
