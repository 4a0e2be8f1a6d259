-- With a default the front end need not send the user's id. A default of auth.uid() fails for string ids.
CREATE FUNCTION insforge.lint_l22(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH shaped AS (
    SELECT t.id, a.attname, a.atttypid, a.attnotnull, format('column %I.%I.%I', t.schema_name, t.name, a.attname) AS object, d.oid AS preset,
      EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_attrdef'::regclass AND x.objid = d.oid
              AND x.refclassid = 'pg_catalog.pg_proc'::regclass AND x.refobjid = context.auth_uid) AS by_uid,
      EXISTS (SELECT FROM unnest(t.policies) p
              WHERE p.command IN ('INSERT', 'ALL') AND p.permissive
                AND a.attnum = ANY ((p.check_expr).owners) AND a.attnum = ANY ((p.check_expr).and_pins)
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc f
                                WHERE f.oid = ANY ((p.check_expr).calls) AND f.proname IN ('org_id', 'email'))) AS owner,
      -- A helper of the developer's own may return something else of the caller's.
      NOT EXISTS (SELECT FROM unnest(t.policies) p JOIN pg_catalog.pg_proc f ON f.oid = ANY ((p.check_expr).calls)
                  WHERE f.oid = ANY (context.callers) AND f.prorettype IN ('text'::regtype, 'varchar'::regtype)
                    AND f.proname NOT IN ('requesting_user_id', 'user_id', 'role', 'org_role', 'claim', 'current_setting')) AS known
    FROM unnest(context.tables) t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.id AND d.adnum = a.attnum
    WHERE NOT t.platform AND a.attidentity = '' AND a.attgenerated = '' AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype)
      AND (d.oid IS NOT NULL OR a.attnotnull))
  SELECT 'L22', CASE WHEN s.by_uid THEN 'critical' ELSE 'info' END, 'health',
    CASE WHEN s.by_uid THEN 'An owner column defaults to auth.uid()' ELSE 'An owner column has no default' END,
    CASE WHEN s.by_uid THEN format('The default of %s is auth.uid(), which raises 22P02 for a string id: inserts that rely on it fail.', s.object)
         ELSE format('The %s is NOT NULL, compared with the caller on insert, and has no default: every insert must send the user''s id.', s.object) END,
    s.object,
    'SET DEFAULT insforge.requesting_user_id() on a text column.',
    CASE WHEN (s.by_uid OR s.known) AND s.atttypid <> 'uuid'::regtype AND to_regprocedure('insforge.requesting_user_id()') IS NOT NULL
         THEN format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT insforge.requesting_user_id();', s.id::regclass, s.attname) END,
    'L22:' || s.object
  FROM shaped s
  WHERE CASE WHEN s.by_uid THEN s.atttypid <> 'uuid'::regtype OR context.third_party
             ELSE s.owner AND s.preset IS NULL AND s.attnotnull END
$fn$;
COMMENT ON FUNCTION insforge.lint_l22(insforge.audit_context) IS
'L22 owner_default, described in docs/lints/L22_owner_default.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
