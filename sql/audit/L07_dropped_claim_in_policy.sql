-- InsForge's gateway signs a new token with three claims: sub, role and email. A policy that reads another one
-- compares with NULL, whatever the provider put into its token.
CREATE FUNCTION insforge.lint_l07(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH delivered (keys) AS (VALUES ('{sub,role,email,iat,exp}'::text[])),
  found AS (
    SELECT p.object, k.keys, CASE WHEN k.keys = '{org_id}' AND to_regprocedure('insforge.org_id()') IS NOT NULL THEN
      insforge.audit_alter_policy(t.id, p.name,
        ARRAY[$r$\((?:auth\.jwt|insforge\.claims)\(\) ->> 'org_id'::text\)$r$, $r$insforge\.claim\(VARIADIC ARRAY\['org_id'::text\]\)$r$],
        '{(SELECT insforge.org_id()),(SELECT insforge.org_id())}') END AS fix
    FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p, delivered d, LATERAL (
      SELECT array_agg(DISTINCT c.key ORDER BY c.key) FROM unnest((p.using_expr).claim_keys || (p.check_expr).claim_keys) c (key)
      WHERE NOT c.key = ANY (d.keys)) k (keys)
    UNION ALL
    SELECT f.object, k.keys, NULL
    FROM unnest(context.functions) f, delivered d, LATERAL (
      SELECT array_agg(DISTINCT m.hit[1] ORDER BY m.hit[1])
      FROM regexp_matches(f.body, $r$(?:auth\.jwt|insforge\.claims)\s*\(\s*\)\s*\)?\s*->>?\s*'(\w+)'$r$, 'gi') m (hit)
      WHERE NOT m.hit[1] = ANY (d.keys)) k (keys)
    WHERE f.audited AND f.in_policy)
  SELECT 'L07', 'critical', 'security', 'A policy reads a claim that never arrives',
    format('The %s reads %s. InsForge passes only sub, role and email to SQL: the value is always NULL.',
           f.object, array_to_string(f.keys, ', ')),
    f.object,
    'Keep organisations and roles in insforge.memberships and ask insforge.org_ids() or insforge.org_id().',
    CASE WHEN strpos(f.fix, '''org_id''') = 0 THEN f.fix END,
    'L07:' || f.object
  FROM found f
  WHERE context.insforge AND cardinality(f.keys) > 0
    AND NOT f.keys && '{user_metadata,unsafe_metadata,raw_user_meta_data,userMetadata,unsafeMetadata,profile}'::text[]  -- L08
$fn$;
COMMENT ON FUNCTION insforge.lint_l07(insforge.audit_context) IS
'L07 dropped_claim_in_policy, described in docs/lints/L07_dropped_claim_in_policy.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
