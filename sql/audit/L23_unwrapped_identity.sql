-- A bare call is made for every row. Inside a sub-select it is made once, before the scan.
CREATE FUNCTION insforge.lint_l23(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH asked AS MATERIALIZED (
    SELECT f.oid AS id, f.oid::regproc || '()' AS name, insforge.audit_call_pattern(f.oid) AS pattern,
      -- ANY (SELECT …) means rows; the cast keeps it an array.
      CASE WHEN t.typcategory = 'A' THEN format('((SELECT \&)::%s)', format_type(t.oid, NULL)) ELSE '(SELECT \&)' END AS replacement
    FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_type t ON t.oid = f.prorettype
    WHERE f.oid = ANY (context.callers))
  SELECT 'L23', 'warning', 'performance', 'An identity function is called for every row',
    format('The %s calls %s outside a sub-select: once per row instead of once per query.', p.object, b.names),
    p.object,
    'Write (select f()) instead of f().',
    insforge.audit_alter_policy(t.id, p.name, b.patterns, b.replacements),
    'L23:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p, LATERAL (
    SELECT string_agg(a.name, ', ' ORDER BY a.name), array_agg(a.pattern ORDER BY a.id), array_agg(a.replacement ORDER BY a.id)
    FROM asked a WHERE a.id = ANY ((p.using_expr).bare_calls || (p.check_expr).bare_calls)) b (names, patterns, replacements)
  WHERE b.names IS NOT NULL
$fn$;
COMMENT ON FUNCTION insforge.lint_l23(insforge.audit_context) IS
'L23 unwrapped_identity, described in docs/lints/L23_unwrapped_identity.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
