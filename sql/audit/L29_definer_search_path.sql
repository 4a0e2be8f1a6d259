-- A SECURITY DEFINER function runs with its owner's rights. Without a search_path of its own the caller decides what
-- its names mean; and pg_temp is searched first unless the path ends with it, so a temporary table can stand in.
CREATE FUNCTION insforge.lint_l29(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH path AS (
    SELECT f, substr(k.entry, 13) AS value
    FROM unnest(context.functions) f
    LEFT JOIN LATERAL (SELECT e.entry FROM unnest(f.config) e (entry) WHERE e.entry LIKE 'search\_path=%') k ON true
    WHERE f.audited AND f.definer)
  SELECT 'L29', 'critical', 'security', 'A definer function has no safe search_path',
    format('The %s is SECURITY DEFINER %s.', (p.f).object,
           CASE WHEN p.value IS NULL THEN 'without a search_path' ELSE 'and its search_path does not end with pg_temp' END),
    (p.f).object,
    'SET search_path = '''' with every name qualified, or a path that ends with pg_temp.',
    format('ALTER ROUTINE %s SET search_path = %s;', (p.f).id::regprocedure,
           coalesce(p.value || ', pg_temp',
                    concat_ws(', ', 'pg_catalog', nullif(quote_ident((p.f).schema_name), 'public'), 'public', 'pg_temp'))),
    'L29:' || (p.f).object
  FROM path p
  WHERE p.value IS NULL OR NOT (p.value IN ('', '""') OR p.value ~ '(^|[\s,])"?pg_temp"?\s*$')
$fn$;
COMMENT ON FUNCTION insforge.lint_l29(insforge.audit_context) IS
'L29 definer_search_path, described in docs/lints/L29_definer_search_path.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
