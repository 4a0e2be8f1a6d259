-- A ledger that a buyer can write proves nothing.
CREATE FUNCTION insforge.lint_l43(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L43', 'critical', 'security', 'Clients can write the payment ledger',
    format('The %s records settlements, and %s.', l.object, string_agg(w.role || ' may ' || w.command, ', ' ORDER BY w.role, w.command)),
    l.object,
    'Let only the server write it.',
    format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON TABLE %s FROM %s;', l.id::regclass, insforge.audit_grantees(context.runtime)),
    'L43:' || l.object
  FROM (SELECT DISTINCT l.id, l.object FROM insforge.audit_ledgers(context) l) l
  JOIN unnest(context.tables) t ON t.id = l.id
  CROSS JOIN LATERAL (
    SELECT pg_get_userbyid(r.id)::text AS role, v.command
    FROM unnest(context.runtime) r (id), unnest('{INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) v (command)
    WHERE has_schema_privilege(r.id, t.schema_name, 'USAGE')
      AND CASE WHEN v.command IN ('DELETE', 'TRUNCATE') THEN has_table_privilege(r.id, t.id, v.command)
               ELSE has_any_column_privilege(r.id, t.id, v.command) END
      -- Supabase grants TRUNCATE on every table, and its API has no such command.
      AND (v.command <> 'TRUNCATE' OR insforge.audit_platform() IS DISTINCT FROM 'supabase')
      AND (NOT t.rls OR v.command = 'TRUNCATE' OR EXISTS (SELECT FROM unnest(t.policies) p
                                WHERE p.permissive AND p.command IN (v.command, 'ALL') AND pg_get_userbyid(r.id)::text = ANY (p.runtime)))) w
  GROUP BY l.id, l.object
$fn$;
COMMENT ON FUNCTION insforge.lint_l43(insforge.audit_context) IS
'L43 settlement_client_writable, described in docs/lints/L43_settlement_client_writable.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
