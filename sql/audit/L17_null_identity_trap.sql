-- Without an identity a comparison with "=" is unknown, and the row stays hidden. IS NOT DISTINCT FROM, IS NULL and
-- coalesce() turn that into an answer, and show such a caller rows.
CREATE FUNCTION insforge.lint_l17(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L17', 'critical', 'security', 'A policy treats a missing identity as a match',
    format('The %s tests the caller''s id with IS NULL, IS [NOT] DISTINCT FROM or coalesce(): a caller without an identity can pass.', p.object),
    p.object,
    'Compare with "=": it denies when there is no identity.',
    (SELECT format('ALTER POLICY %I ON %s%s%s;', p.name, t.id::regclass, ' USING ' || n.qual, ' WITH CHECK ' || n.checked)
     FROM (SELECT CASE WHEN o.qual ~ o.whole THEN regexp_replace(o.qual, o.whole, '(\1 = \2)') END AS qual,
                  CASE WHEN o.checked ~ o.whole THEN regexp_replace(o.checked, o.whole, '(\1 = \2)') END AS checked,
                  o.qual AS old_qual, o.checked AS old_checked
           FROM (SELECT pg_get_expr(q.polqual, q.polrelid) AS qual, pg_get_expr(q.polwithcheck, q.polrelid) AS checked,
                        '^\(NOT \((.*) IS DISTINCT FROM (.*)\)\)$' AS whole
                 FROM pg_catalog.pg_policy q WHERE q.polrelid = t.id AND q.polname = p.name) o
           WHERE concat(o.qual, o.checked) !~ '\m(AND|OR|COALESCE|IS NULL)\M'
             AND concat(o.qual, ' ', o.checked) !~ 'DISTINCT FROM[^\n]*DISTINCT FROM[^\n]*DISTINCT FROM') n
     WHERE (n.qual IS NULL) = (n.old_qual IS NULL) AND (n.checked IS NULL) = (n.old_checked IS NULL)),
    'L17:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
  WHERE cardinality((p.using_expr).trapped_calls || (p.check_expr).trapped_calls) > 0
$fn$;
COMMENT ON FUNCTION insforge.lint_l17(insforge.audit_context) IS
'L17 null_identity_trap, described in docs/lints/L17_null_identity_trap.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
