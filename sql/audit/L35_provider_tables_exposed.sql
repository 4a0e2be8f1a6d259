-- Every schema is routable through the data API: only missing grants keep sessions, password hashes and signing keys
-- from its users.
CREATE FUNCTION insforge.lint_l35(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L35', 'critical', 'security', 'A sign-in provider''s table is exposed',
    format('The %s holds sign-in data, and anon or authenticated holds %s on it.', t.object, array_to_string(t.privileges, ', ')),
    t.object,
    'Revoke every privilege; the provider''s library connects as its own role.',
    format('REVOKE ALL ON TABLE %s FROM %s;', t.id::regclass, insforge.audit_grantees(context.runtime)),
    'L35:' || t.object
  FROM unnest(context.tables) t
  WHERE cardinality(t.privileges) > 0 AND NOT t.platform AND (NOT t.rls OR cardinality(t.policies) > 0)
    AND insforge.audit_provider_table(t)
$fn$;
COMMENT ON FUNCTION insforge.lint_l35(insforge.audit_context) IS
'L35 provider_tables_exposed, described in docs/lints/L35_provider_tables_exposed.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
