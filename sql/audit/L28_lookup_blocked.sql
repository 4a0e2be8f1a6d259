-- A sub-select in a policy runs with the caller's rights. If the table it reads gives the caller nothing, the policy
-- never lets a row through, or fails for want of a privilege.
CREATE FUNCTION insforge.lint_l28(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH looked AS (
    SELECT DISTINCT p.object, r.role, n.id
    FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p, unnest((p.using_expr).relations || (p.check_expr).relations) n (id), unnest(p.runtime) r (role)
    -- A visitor whom a policy for everybody denies is no defect.
    WHERE r.role <> 'anon' OR p.runtime = '{anon}')
  SELECT 'L28', 'warning', 'security', 'A policy looks something up where the caller sees nothing',
    format('The %s reads %s, where %s.', l.object, string_agg(DISTINCT c.oid::regclass::text, ', ' ORDER BY c.oid::regclass::text),
           string_agg(DISTINCT CASE WHEN v.selectable THEN l.role || ' has no SELECT policy' ELSE l.role || ' has no SELECT privilege' END, ', ')),
    l.object,
    'Give that table a SELECT policy, or read it in a SECURITY DEFINER function with a pinned search_path.',
    NULL, 'L28:' || l.object
  FROM looked l
  JOIN pg_catalog.pg_class c ON c.oid = l.id AND c.relkind IN ('r', 'p')
  CROSS JOIN LATERAL (SELECT has_any_column_privilege(l.role, c.oid, 'SELECT')) v (selectable)
  WHERE NOT v.selectable OR (c.relrowsecurity AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_policy q, unnest(q.polroles) m (id)
    WHERE q.polrelid = c.oid AND q.polpermissive AND q.polcmd IN ('r', '*') AND (m.id = 0 OR pg_has_role(l.role, m.id, 'USAGE'))))
  GROUP BY l.object
$fn$;
COMMENT ON FUNCTION insforge.lint_l28(insforge.audit_context) IS
'L28 lookup_blocked, described in docs/lints/L28_lookup_blocked.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
