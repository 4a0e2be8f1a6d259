-- Functions are PARALLEL UNSAFE unless labelled, and one unsafe call in a policy keeps the whole query from being
-- planned in parallel.
CREATE FUNCTION insforge.lint_l10(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L10', 'info', 'performance', 'A policy calls a function not labelled parallel safe',
    format('The %s is PARALLEL UNSAFE: no query on a table whose policies call it uses parallel workers.', f.object),
    f.object,
    'Declare it PARALLEL SAFE if it only reads.',
    CASE WHEN insforge.audit_only_reads(f) THEN format('ALTER FUNCTION %s PARALLEL SAFE;', f.id::regprocedure) END,
    'L10:' || f.object
  FROM unnest(context.functions) f
  WHERE f.audited AND f.in_policy AND f.parallel = 'unsafe' AND f.volatility <> 'volatile'
$fn$;
COMMENT ON FUNCTION insforge.lint_l10(insforge.audit_context) IS
'L10 helper_parallel_unsafe, described in docs/lints/L10_helper_parallel_unsafe.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
