-- Without TO a policy is for PUBLIC: it is evaluated for anon as well, and for every role that is still to come.
CREATE FUNCTION insforge.lint_l15(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L15', 'warning', 'security', 'A policy names no role',
    format('The %s applies to PUBLIC.', p.object),
    p.object,
    'Name the roles: TO authenticated, or TO anon, authenticated where visitors are meant.',
    format('ALTER POLICY %I ON %s TO %s;', p.name, t.id::regclass,
           CASE WHEN cardinality((p.using_expr).owners || (p.check_expr).owners) > 0 OR NOT 'anon' = ANY (p.runtime)
                THEN 'authenticated' ELSE 'anon, authenticated' END),
    'L15:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
  -- A restrictive policy is safest for everybody.
  WHERE p.roles = '{0}' AND p.permissive AND 'authenticated' = ANY (p.runtime)
$fn$;
COMMENT ON FUNCTION insforge.lint_l15(insforge.audit_context) IS
'L15 policy_without_role, described in docs/lints/L15_policy_without_role.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
