-- A pooled connection whose claims were set for one transaction is left with an empty string. Casting that to json
-- fails, and so does every query whose policy does it.
CREATE FUNCTION insforge.lint_l05(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH unguarded (pattern) AS (VALUES (
    $r$(\(\s*)?current_setting\s*\(\s*'request\.jwt\.claims'(?:::text)?\s*(?:,\s*true\s*)?\)(\s*\))?\s*::\s*(jsonb?)$r$)),
  found AS (
    SELECT f.object, CASE WHEN f.language IN ('sql', 'plpgsql') THEN regexp_replace(rtrim(pg_get_functiondef(f.id)), u.pattern,
        $r$\1nullif(current_setting('request.jwt.claims', true), '')\2::\3$r$, 'gi') || ';' END AS fix
    FROM unnest(context.functions) f, unguarded u
    WHERE f.audited AND f.body ~* u.pattern
    UNION ALL
    SELECT p.object, insforge.audit_alter_policy(t.id, p.name,
      ARRAY[$r$\(current_setting\('request\.jwt\.claims'::text(?:, true)?\)\)::(jsonb?)$r$],
      ARRAY[$r$(NULLIF(current_setting('request.jwt.claims'::text, true), ''::text))::\1$r$])
    FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
    WHERE 'request.jwt.claims' = ANY ((p.using_expr).cast_settings || (p.check_expr).cast_settings))
  SELECT 'L05', 'warning', 'health', 'Claims are cast to json without a guard',
    format('The %s casts request.jwt.claims to json as it is; on a connection that served a user before it is an empty string: error 22P02.', f.object),
    f.object,
    'Wrap it, nullif(current_setting(''request.jwt.claims'', true), '''')::json, or call insforge.claims().',
    f.fix, 'L05:' || f.object
  FROM found f
$fn$;
COMMENT ON FUNCTION insforge.lint_l05(insforge.audit_context) IS
'L05 helper_unguarded_cast, described in docs/lints/L05_helper_unguarded_cast.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
