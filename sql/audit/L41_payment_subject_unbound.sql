-- The subject of a checkout is who gets what is paid for. An insert check that does not look at it lets users act for
-- others.
CREATE FUNCTION insforge.lint_l41(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L41', 'critical', 'security', 'A payment policy does not bind the subject',
    format('The %s lets a user insert any subject_id.', p.object),
    p.object,
    'Compare subject_id with the caller or with the caller''s organisations in WITH CHECK.',
    (SELECT format('ALTER POLICY %I ON %s WITH CHECK (%s%s);', p.name, t.id::regclass,
              CASE WHEN pg_get_expr(coalesce(q.polwithcheck, q.polqual), q.polrelid) <> 'true'
                   THEN '(' || pg_get_expr(coalesce(q.polwithcheck, q.polqual), q.polrelid) || ') AND ' END, o.test)
     FROM pg_catalog.pg_policy q, insforge.audit_owner_test(t.id, 'subject_id') o (test)
     WHERE q.polrelid = t.id AND q.polname = p.name AND o.test IS NOT NULL),
    'L41:' || p.object
  FROM unnest(context.tables) t
  CROSS JOIN unnest(t.policies) p
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attname = 'subject_id' AND NOT a.attisdropped
  WHERE insforge.audit_payment_table(t.schema_name, t.name) AND p.permissive AND p.command IN ('INSERT', 'ALL') AND cardinality(p.runtime) > 0
    AND NOT (coalesce(p.check_expr, p.using_expr)).columns && ARRAY[a.attnum, 0::smallint]
    AND NOT insforge.audit_fenced(t.policies, p)
$fn$;
COMMENT ON FUNCTION insforge.lint_l41(insforge.audit_context) IS
'L41 payment_subject_unbound, described in docs/lints/L41_payment_subject_unbound.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
