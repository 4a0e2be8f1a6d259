-- UPDATE and DELETE with a WHERE look rows up, for which they need a SELECT policy. Without one they touch no row and
-- raise no error.
CREATE FUNCTION insforge.lint_l20(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L20', 'warning', 'health', 'Rows can be changed but not found',
    format('The %s is for %s, and no SELECT policy applies to %s: the statement changes 0 rows without an error.',
           p.object, p.command, insforge.audit_policy_roles(p.roles)),
    p.object,
    'Add a SELECT policy with the same condition.',
    (SELECT format('CREATE POLICY %I ON %s FOR SELECT TO %s USING (%s);', n.name, t.id::regclass,
                   insforge.audit_policy_roles(p.roles), pg_get_expr(q.polqual, q.polrelid))
     FROM pg_catalog.pg_policy q, (SELECT left(p.name, 56) || '_select') n (name)
     WHERE q.polrelid = t.id AND q.polname = p.name
       -- A condition that does not ask who is calling would show the rows to everybody.
       AND cardinality((p.using_expr).pins) > 0 AND NOT EXISTS (SELECT FROM unnest(t.policies) x WHERE x.name = n.name)),
    'L20:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
  WHERE p.permissive AND p.command IN ('UPDATE', 'DELETE') AND EXISTS (
    SELECT FROM unnest(p.roles) r (id)
    WHERE NOT EXISTS (SELECT FROM unnest(t.policies) s, unnest(s.roles) m (id)
                      WHERE s.permissive AND s.command IN ('SELECT', 'ALL')
                        AND (m.id IN (0, r.id) OR (r.id <> 0 AND pg_has_role(r.id, m.id, 'USAGE'))
                             OR (r.id = 0 AND p.runtime <@ s.runtime AND cardinality(p.runtime) > 0))))
$fn$;
COMMENT ON FUNCTION insforge.lint_l20(insforge.audit_context) IS
'L20 update_without_select, described in docs/lints/L20_update_without_select.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
