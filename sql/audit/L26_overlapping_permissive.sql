-- Permissive policies are OR-ed: with two for one command, each row that the first refuses is put to the second.
CREATE FUNCTION insforge.lint_l26(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH counted AS (
    SELECT t.object AS table_object, v.command, r.role, array_agg(p.name ORDER BY p.name) AS names
    FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
    CROSS JOIN LATERAL unnest(CASE p.command WHEN 'ALL' THEN '{SELECT,INSERT,UPDATE,DELETE}' ELSE ARRAY[p.command] END) v (command)
    CROSS JOIN LATERAL unnest(p.runtime) r (role)
    WHERE p.permissive
    GROUP BY 1, 2, 3 HAVING count(*) > 1)
  SELECT 'L26', 'info', 'performance', 'Several permissive policies cover one command',
    format('On %s: %s.', c.table_object, string_agg(format('%s for %s by %s', c.command, c.role, array_to_string(c.names, ' and ')), '; '
           ORDER BY c.command, c.role)),
    c.table_object,
    'Merge them into one policy with OR, unless keeping them apart is clearer.',
    NULL, 'L26:' || c.table_object
  FROM counted c GROUP BY c.table_object
$fn$;
COMMENT ON FUNCTION insforge.lint_l26(insforge.audit_context) IS
'L26 overlapping_permissive, described in docs/lints/L26_overlapping_permissive.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
