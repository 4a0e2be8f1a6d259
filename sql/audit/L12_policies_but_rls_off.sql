-- Policies on a table whose row-level security is off do nothing, and look as if they did.
CREATE FUNCTION insforge.lint_l12(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L12', 'critical', 'security', 'Policies exist but row-level security is off',
    format('The %s has policies (%s), and none is in force: row-level security is not enabled.', t.object, cardinality(t.policies)),
    t.object,
    'Enable row-level security.',
    format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', t.id::regclass),
    'L12:' || t.object
  FROM unnest(context.tables) t
  WHERE NOT t.rls AND cardinality(t.policies) > 0
$fn$;
COMMENT ON FUNCTION insforge.lint_l12(insforge.audit_context) IS
'L12 policies_but_rls_off, described in docs/lints/L12_policies_but_rls_off.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
