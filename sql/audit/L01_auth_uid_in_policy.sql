-- auth.uid() casts the caller's id to uuid. An id from another provider is none: the query does not return no
-- rows, it fails, for every user and every row of the table.
CREATE FUNCTION insforge.lint_l01(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH broken AS (
    SELECT context.auth_uid AS id, 'auth.uid()' AS name, true AS an_id WHERE context.auth_uid IS NOT NULL
    UNION ALL
    SELECT f.id, format('%s, which calls auth.uid(),', f.id::regprocedure), f.returns = 'uuid'::regtype
    FROM unnest(context.functions) f WHERE f.in_policy AND f.body ~* '\mauth\.uid\s*\(')
  SELECT 'L01', 'critical', 'security', 'A policy calls auth.uid()',
    format('The %s uses %s. With a string id that raises 22P02 and every query on %s fails.', p.object, b.names, t.object),
    p.object,
    'Compare with (select insforge.requesting_user_id()), which returns text. A uuid owner column must become text first (L02).',
    CASE WHEN b.direct AND k.uuids = 0 AND to_regprocedure('insforge.requesting_user_id()') IS NOT NULL
         THEN insforge.audit_alter_policy(t.id, p.name, ARRAY[(SELECT insforge.audit_call_pattern(context.auth_uid))],
                                          ARRAY['(SELECT insforge.requesting_user_id())']) END,
    'L01:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p,
    LATERAL (SELECT string_agg(broken.name, ', ' ORDER BY broken.name), bool_and(broken.id = context.auth_uid), bool_and(broken.an_id)
             FROM broken
             WHERE broken.id = ANY ((p.using_expr).calls || (p.check_expr).calls)) b (names, direct, an_id),
    LATERAL (SELECT count(*) FILTER (WHERE a.atttypid = 'uuid'::regtype),
                    count(*) FILTER (WHERE a.atttypid IN ('text'::regtype, 'varchar'::regtype))
             FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.id AND a.attnum = ANY ((p.using_expr).owners || (p.check_expr).owners)) k (uuids, texts)
  -- Without another provider auth.uid() is right, unless the column it is compared with holds strings.
  WHERE b.names IS NOT NULL
    AND (context.third_party OR (b.an_id AND k.texts > 0 AND k.uuids = 0 AND NOT t.platform))
    AND NOT (t.schema_name = 'storage' AND t.name = 'objects' AND context.insforge)  -- L36
$fn$;
COMMENT ON FUNCTION insforge.lint_l01(insforge.audit_context) IS
'L01 auth_uid_in_policy, described in docs/lints/L01_auth_uid_in_policy.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
