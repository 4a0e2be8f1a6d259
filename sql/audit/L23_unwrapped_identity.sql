-- A bare call is made for every row. Inside a sub-select it is made once, before the scan.
CREATE FUNCTION insforge.lint_l23(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L23', 'warning', 'performance', 'An identity function is called for every row',
    format('The %s calls %s outside a sub-select: once per row instead of once per query.', p.object, b.names),
    p.object,
    'Write (select f()) instead of f().',
    insforge.audit_alter_policy(t.id, p.name, b.patterns, b.replacements),
    'L23:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p, LATERAL (
    SELECT string_agg(f.oid::regproc || '()', ', ' ORDER BY f.oid::regproc::text),
      array_agg(insforge.audit_call_pattern(f.oid) ORDER BY f.oid),
      -- ANY (SELECT …) means rows; the cast keeps it an array.
      array_agg(CASE WHEN t.typcategory = 'A' THEN format('((SELECT \&)::%s)', format_type(t.oid, NULL)) ELSE '(SELECT \&)' END ORDER BY f.oid)
    FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_type t ON t.oid = f.prorettype
    WHERE f.oid = ANY ((p.using_expr).bare_calls || (p.check_expr).bare_calls) AND f.oid = ANY (context.callers)) b (names, patterns, replacements)
  WHERE b.names IS NOT NULL
$fn$;
COMMENT ON FUNCTION insforge.lint_l23(insforge.audit_context) IS
'L23 unwrapped_identity, described in docs/lints/L23_unwrapped_identity.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
