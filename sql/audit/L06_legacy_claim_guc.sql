-- Settings with one claim each, request.jwt.claim.sub and the like, are set by nobody any more. What reads them
-- sees NULL, and denies everybody or, under OR and coalesce, admits them.
CREATE FUNCTION insforge.lint_l06(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH legacy (pattern) AS (VALUES ($r$current_setting\(\s*'request\.jwt\.claim\.(sub|email|role)'(?:::text)?\s*(?:,\s*true\s*)?\)$r$)),
  found AS (
    SELECT p.object, insforge.audit_alter_policy(t.id, p.name, ARRAY[
        replace(l.pattern, 'sub|email|role', 'sub'), replace(l.pattern, 'sub|email|role', 'email'), replace(l.pattern, 'sub|email|role', 'role')],
      '{(SELECT insforge.requesting_user_id()),(SELECT insforge.email()),(SELECT insforge.role())}') AS fix
    FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p, legacy l
    WHERE EXISTS (SELECT FROM unnest((p.using_expr).settings || (p.check_expr).settings) s (name) WHERE s.name LIKE 'request.jwt.claim.%')
    UNION ALL
    SELECT f.object, CASE WHEN f.language IN ('sql', 'plpgsql') THEN
      regexp_replace(regexp_replace(regexp_replace(rtrim(pg_get_functiondef(f.id)),
        replace(l.pattern, 'sub|email|role', 'sub'), 'insforge.requesting_user_id()', 'gi'),
        replace(l.pattern, 'sub|email|role', 'email'), 'insforge.email()', 'gi'),
        replace(l.pattern, 'sub|email|role', 'role'), 'insforge.role()', 'gi') || ';' END
    FROM unnest(context.functions) f, legacy l
    WHERE f.audited AND strpos(f.body, 'request.jwt.claim.') > 0)
  SELECT 'L06', 'critical', 'security', 'A claim is read from a setting that nobody sets',
    format('The %s reads request.jwt.claim.…; PostgREST sets request.jwt.claims instead, so the value is always NULL.', f.object),
    f.object,
    'Call insforge.requesting_user_id(), insforge.email() or insforge.role().',
    -- A cast to uuid, harmless while the value is NULL, would fail once it is a string id.
    CASE WHEN strpos(f.fix, 'request.jwt.claim.') = 0 AND f.fix !~* '(::|\mAS)\s*uuid' AND to_regprocedure('insforge.requesting_user_id()') IS NOT NULL
         THEN f.fix END,
    'L06:' || f.object
  FROM found f
$fn$;
COMMENT ON FUNCTION insforge.lint_l06(insforge.audit_context) IS
'L06 legacy_claim_guc, described in docs/lints/L06_legacy_claim_guc.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
