-- A table that anon or authenticated may use, without row-level security, is open to every visitor as far as its
-- grants go; InsForge's default privileges grant reading and writing of every new table of public. TRUNCATE passes row-level
-- security by even where it is on.
CREATE FUNCTION insforge.lint_l11(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L11', CASE WHEN b.open THEN 'critical' ELSE 'warning' END, 'security', 'A table is exposed without row-level security',
    CASE WHEN b.open THEN format('The %s has row-level security off while anon or authenticated holds %s.', t.object,
                                 concat_ws(', ', VARIADIC t.privileges || CASE WHEN b.emptied THEN 'TRUNCATE' END))
         ELSE format('The %s can be emptied by anon or authenticated: no policy limits TRUNCATE.', t.object) END,
    t.object,
    CASE WHEN b.open THEN 'Enable row-level security and add a policy per command, for instance with insforge.create_policies().'
         ELSE 'Revoke TRUNCATE.' END,
    -- Enabling alone would hide every row from the application: only together with policies is it a repair.
    CASE WHEN NOT b.open THEN b.revoke
         ELSE (SELECT concat_ws(E'\n', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', t.id::regclass), o.policies, b.revoke)
               FROM insforge.audit_owner_policies(t.id) o (policies) WHERE o.policies IS NOT NULL) END,
    'L11:' || t.object
  FROM unnest(context.tables) t
  CROSS JOIN LATERAL (
    SELECT NOT t.rls AND cardinality(t.policies) = 0 AND cardinality(t.privileges) > 0 AND NOT insforge.audit_provider_table(t),  -- L35
      e.emptied, CASE WHEN e.emptied THEN format('REVOKE TRUNCATE ON TABLE %s FROM %s;', t.id::regclass, insforge.audit_grantees(context.runtime)) END
    FROM (SELECT EXISTS (SELECT FROM unnest(context.runtime) r (id)
                         WHERE has_table_privilege(r.id, t.id, 'TRUNCATE') AND has_schema_privilege(r.id, t.schema_name, 'USAGE'))) e (emptied)
    OFFSET 0) b (open, emptied, revoke)
  -- Supabase grants TRUNCATE on every table, and its API has no such command.
  WHERE NOT t.platform AND (b.open OR (b.emptied AND insforge.audit_platform() IS DISTINCT FROM 'supabase'
    AND NOT (insforge.audit_provider_table(t) AND cardinality(t.privileges) > 0 AND (NOT t.rls OR cardinality(t.policies) > 0))  -- L35
    AND t.id NOT IN (SELECT l.id FROM insforge.audit_ledgers(context) l)))  -- L43
$fn$;
COMMENT ON FUNCTION insforge.lint_l11(insforge.audit_context) IS
'L11 rls_disabled_exposed, described in docs/lints/L11_rls_disabled_exposed.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
