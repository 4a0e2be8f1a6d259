-- anon has no identity: a condition that compares a column with the caller's id is never true for it.
CREATE FUNCTION insforge.lint_l16(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L16', 'info', 'performance', 'A policy for anon compares an identity',
    format('The %s applies to anon, for whom no row can pass: the caller''s id is NULL.', p.object),
    p.object,
    'Leave anon out.',
    (SELECT format('ALTER POLICY %I ON %s TO %s;', p.name, t.id::regclass, insforge.audit_policy_roles(r.others))
     FROM (SELECT array_remove(p.roles, to_regrole('anon')::oid)) r (others) WHERE cardinality(r.others) > 0),
    'L16:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
  WHERE p.permissive AND to_regrole('anon')::oid = ANY (p.roles)
    AND CASE WHEN p.command = 'INSERT' THEN (p.check_expr).owners && (p.check_expr).and_pins
             ELSE (p.using_expr).owners && (p.using_expr).and_pins END
$fn$;
COMMENT ON FUNCTION insforge.lint_l16(insforge.audit_context) IS
'L16 anon_identity_policy, described in docs/lints/L16_anon_identity_policy.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
