-- A VOLATILE function, which is what CREATE FUNCTION makes when nothing is said, is called again for every row and
-- bars the use of an index.
CREATE FUNCTION insforge.lint_l09(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L09', 'warning', 'performance', 'A policy calls a volatile function',
    format('The %s is VOLATILE and used by policies: it runs once per row, and no index can serve the comparison.', f.object),
    f.object,
    'Declare it STABLE if it only reads.',
    CASE WHEN insforge.audit_only_reads(f) THEN format('ALTER FUNCTION %s STABLE;', f.id::regprocedure) END,
    'L09:' || f.object
  FROM unnest(context.functions) f
  WHERE f.audited AND f.in_policy AND f.volatility = 'volatile' AND f.name <> 'requesting_user_id'  -- L04
$fn$;
COMMENT ON FUNCTION insforge.lint_l09(insforge.audit_context) IS
'L09 helper_volatile, described in docs/lints/L09_helper_volatile.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
