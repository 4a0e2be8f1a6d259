-- USING says which rows may be changed, WITH CHECK what they may become. A check that forgets the owner lets users
-- give their rows to others, or move them into another organisation.
CREATE FUNCTION insforge.lint_l19(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L19', 'critical', 'security', 'An update policy checks less than it requires',
    format('USING of the %s compares %s with the caller, WITH CHECK does not: a row can be handed over.', p.object,
           insforge.audit_column_names(t.id, m.missing)),
    p.object,
    'Repeat the condition in WITH CHECK, or leave WITH CHECK out: USING then serves as both.',
    (SELECT format('ALTER POLICY %I ON %s WITH CHECK (%s(%s));', p.name, t.id::regclass,
                   CASE WHEN pg_get_expr(q.polwithcheck, q.polrelid) <> 'true' THEN '(' || pg_get_expr(q.polwithcheck, q.polrelid) || ') AND ' END,
                   coalesce(CASE WHEN cardinality(m.missing) = 1 AND m.missing <@ (p.using_expr).owners AND NOT (p.using_expr).claim_keys && '{org_id}'
                                      -- Another identity, an organisation or an address, is not the user's id.
                                      AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc f
                                                      WHERE f.oid = ANY ((p.using_expr).calls) AND f.oid = ANY (context.callers)
                                                        AND f.proname NOT IN ('requesting_user_id', 'uid', 'user_id', 'role', 'jwt', 'claims'))
                                 THEN insforge.audit_owner_test(t.id, (
                                   SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.id AND a.attnum = m.missing[1])) END,
                            pg_get_expr(q.polqual, q.polrelid)))
     FROM pg_catalog.pg_policy q WHERE q.polrelid = t.id AND q.polname = p.name),
    'L19:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p, LATERAL (
    SELECT array_agg(DISTINCT n.attnum) FROM unnest((p.using_expr).pins) n (attnum)
    WHERE NOT n.attnum = ANY ((p.check_expr).columns) AND n.attnum > 0
      AND (n.attnum = ANY ((p.using_expr).and_pins) OR NOT (p.using_expr).pins && (p.check_expr).columns)
      -- A key that a lookup goes by does not say whose the row is.
      AND (n.attnum = ANY ((p.using_expr).owners) OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = t.id AND i.indisprimary AND i.indnkeyatts = 1 AND i.indkey[0] = n.attnum))
      AND NOT insforge.audit_column_guarded(t.id, n.attnum, context.runtime)) m (missing)
  WHERE p.permissive AND p.command IN ('UPDATE', 'ALL') AND p.check_expr IS DISTINCT FROM NULL AND cardinality(m.missing) > 0
    AND NOT 0::smallint = ANY ((p.check_expr).columns)
    AND NOT (p.command = 'ALL' AND (p.check_expr).always_true)  -- L14
    AND NOT insforge.audit_fenced(t.policies, p)
$fn$;
COMMENT ON FUNCTION insforge.lint_l19(insforge.audit_context) IS
'L19 update_check_wider, described in docs/lints/L19_update_check_wider.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
