-- A SELECT policy that reads its own table, or a table whose SELECT policy reads back, is applied while it is being
-- applied: error 42P17 on every query. Inside an invoker function it goes on until memory ends.
CREATE FUNCTION insforge.lint_l27(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH reads AS MATERIALIZED (
    SELECT t.id AS source, p.object, n.id AS target, NULL::text AS via
    FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p CROSS JOIN unnest((p.using_expr).relations) n (id)
    WHERE t.rls AND p.command IN ('SELECT', 'ALL')
    UNION
    SELECT t.id, p.object, t.id, f.object
    FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
    JOIN unnest(context.functions) f ON f.id = ANY ((p.using_expr).calls)
    WHERE t.rls AND p.command IN ('SELECT', 'ALL') AND NOT f.definer
      AND f.body ~* ('\m(from|join)\s+(only\s+)?("?' || regexp_replace(t.schema_name, '(\W)', '\\\1', 'g') || '"?\.)?"?'
                     || regexp_replace(t.name, '(\W)', '\\\1', 'g') || '"?(?!\w)')),
  circle AS (  -- pairs of tables read in both directions
    SELECT least(r.source, r.target) AS a, greatest(r.source, r.target) AS b FROM reads r
    GROUP BY 1, 2 HAVING count(DISTINCT r.source) = 2 OR least(r.source, r.target) = greatest(r.source, r.target))
  SELECT 'L27', 'critical', 'health', 'A policy reads the table it protects',
    format('The %s reads its own table%s: infinite recursion (42P17).', r.object, string_agg(
      CASE WHEN r.via IS NOT NULL THEN ' through ' || r.via
           WHEN r.target <> r.source THEN ' through the policies of ' || r.target::regclass ELSE '' END, ',' ORDER BY r.target::regclass::text)),
    r.object,
    'Move the lookup into a SECURITY DEFINER function with a pinned search_path that returns the ids, or ask insforge.org_ids().',
    NULL, 'L27:' || r.object
  FROM reads r JOIN circle c ON c.a = least(r.source, r.target) AND c.b = greatest(r.source, r.target)
  GROUP BY r.object
$fn$;
COMMENT ON FUNCTION insforge.lint_l27(insforge.audit_context) IS
'L27 policy_self_reference, described in docs/lints/L27_policy_self_reference.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
