-- A table that anon or authenticated may use, without row-level security, is open to every visitor as far as its
-- grants go; InsForge's default privileges grant everything on every new table of public.
CREATE FUNCTION insforge.lint_l11(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L11', 'critical', 'security', 'A table is exposed without row-level security',
    format('The %s has row-level security off while anon or authenticated holds %s.', t.object, array_to_string(t.privileges, ', ')),
    t.object,
    'Enable row-level security and add a policy per command, for instance with insforge.create_policies().',
    -- Enabling alone would hide every row from the application: only together with policies is it a repair.
    (SELECT format(E'ALTER TABLE %s ENABLE ROW LEVEL SECURITY;\n%s', t.id::regclass, o.policies)
     FROM insforge.audit_owner_policies(t.id) o (policies) WHERE o.policies IS NOT NULL),
    'L11:' || t.object
  FROM unnest(context.tables) t
  WHERE NOT t.rls AND cardinality(t.policies) = 0 AND cardinality(t.privileges) > 0 AND NOT t.platform
    AND NOT insforge.audit_provider_table(t)  -- L35
$fn$;
COMMENT ON FUNCTION insforge.lint_l11(insforge.audit_context) IS
'L11 rls_disabled_exposed, described in docs/lints/L11_rls_disabled_exposed.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
