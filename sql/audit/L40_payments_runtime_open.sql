-- InsForge lets users start a checkout by inserting into these tables. With row-level security off they may do it in
-- anybody's name, and read what others bought.
CREATE FUNCTION insforge.lint_l40(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L40', 'critical', 'security', 'A payment table is open to every user',
    format('The %s has row-level security off while anon or authenticated holds %s.', t.object, array_to_string(t.privileges, ', ')),
    t.object,
    'Enable row-level security, with policies that compare subject_id with the caller or with the caller''s organisations.',
    (SELECT format(E'ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY;\n'
                   'CREATE POLICY subject_select ON %1$s FOR SELECT TO authenticated USING (%2$s);\n'
                   'CREATE POLICY subject_insert ON %1$s FOR INSERT TO authenticated WITH CHECK (%2$s);', t.id::regclass, o.test)
     FROM insforge.audit_owner_test(t.id, 'subject_id') o (test) WHERE o.test IS NOT NULL),
    'L40:' || t.object
  FROM unnest(context.tables) t
  WHERE insforge.audit_payment_table(t.schema_name, t.name) AND NOT t.rls AND cardinality(t.policies) = 0
    AND t.privileges && '{SELECT,INSERT}'
$fn$;
COMMENT ON FUNCTION insforge.lint_l40(insforge.audit_context) IS
'L40 payments_runtime_open, described in docs/lints/L40_payments_runtime_open.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
