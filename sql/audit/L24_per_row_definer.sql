-- A SECURITY DEFINER function cannot be inlined. Handed a column of the row it runs once per row, with its own query
-- each time.
CREATE FUNCTION insforge.lint_l24(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L24', 'warning', 'performance', 'A policy calls a definer function with a column of the row',
    format('The %s passes a column to %s, SECURITY DEFINER: it runs once for every row that is looked at.', p.object, d.names),
    p.object,
    'Turn it round: let the function return the set of ids, as insforge.org_ids() does, and compare the column with that.',
    NULL, 'L24:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p, LATERAL (
    SELECT string_agg(f.oid::regprocedure::text, ', ' ORDER BY f.oid::regprocedure::text) FROM pg_catalog.pg_proc f
    WHERE f.oid = ANY ((p.using_expr).row_calls || (p.check_expr).row_calls) AND f.prosecdef) d (names)
  WHERE d.names IS NOT NULL
$fn$;
COMMENT ON FUNCTION insforge.lint_l24(insforge.audit_context) IS
'L24 per_row_definer, described in docs/lints/L24_per_row_definer.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
