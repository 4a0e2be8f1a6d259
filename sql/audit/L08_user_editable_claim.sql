-- user_metadata, unsafe_metadata and a profile are written by the user. A policy that believes them lets users
-- give themselves rights.
CREATE FUNCTION insforge.lint_l08(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH editable (keys) AS (VALUES ('{user_metadata,unsafe_metadata,raw_user_meta_data,userMetadata,unsafeMetadata,profile}'::text[])),
  found AS (
    SELECT p.object, k.key FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p, editable e,
      LATERAL unnest((p.using_expr).claim_keys || (p.check_expr).claim_keys) k (key)
    WHERE k.key = ANY (e.keys)
    UNION
    SELECT p.object, a.attrelid::regclass || '.' || a.attname
    FROM editable e
    JOIN pg_catalog.pg_attribute a ON a.attname = ANY (e.keys)
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = a.attrelid
      AND d.refobjsubid = a.attnum AND d.classid = 'pg_catalog.pg_policy'::regclass
    JOIN pg_catalog.pg_policy q ON q.oid = d.objid
    JOIN unnest(context.tables) t ON t.id = q.polrelid
    CROSS JOIN unnest(t.policies) p
    WHERE p.name = q.polname AND (a.attname <> 'profile' OR a.attrelid = insforge.audit_relation('auth', 'users'))
    UNION
    SELECT f.object, m.hit[1] FROM unnest(context.functions) f,
      LATERAL regexp_matches(f.body, '\m(user_metadata|unsafe_metadata|raw_user_meta_data|userMetadata|unsafeMetadata)\M', 'g') m (hit)
    WHERE f.audited AND f.in_policy)
  SELECT 'L08', 'critical', 'security', 'A policy trusts data that users write themselves',
    format('The %s decides by %s, which the user can change.', f.object, string_agg(f.key, ', ' ORDER BY f.key)),
    f.object,
    'Keep roles and rights in a table that only the server writes, such as insforge.memberships.',
    NULL, 'L08:' || f.object
  FROM found f GROUP BY f.object
$fn$;
COMMENT ON FUNCTION insforge.lint_l08(insforge.audit_context) IS
'L08 user_editable_claim, described in docs/lints/L08_user_editable_claim.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
