-- A constant true lets everybody whom the policy applies to write every row. So does what is true of each of them, or
-- of each row.
CREATE FUNCTION insforge.lint_l14(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L14', CASE WHEN 'anon' = ANY (p.runtime) AND NOT b.signed_in THEN 'critical' ELSE 'warning' END, 'security', 'A write policy lets everything through',
    format('The %s allows %s of any row to %s.', p.object, CASE p.command WHEN 'ALL' THEN 'every change' ELSE p.command END,
           CASE WHEN b.signed_in THEN 'authenticated' ELSE insforge.audit_policy_roles(p.roles) END),
    p.object,
    'State whose rows may be written. To let only the server write, drop the policy.',
    (SELECT format('ALTER POLICY %I ON %s TO authenticated%s%s;', p.name, t.id::regclass,
              CASE WHEN p.command <> 'INSERT' THEN format(' USING (%s%s)', k.using_kept, o.test) END,
              CASE WHEN p.command <> 'DELETE' THEN format(' WITH CHECK (%s%s)', k.check_kept, o.test) END)
     FROM (
       -- A half that does ask something is kept.
       SELECT CASE WHEN NOT (p.using_expr).always_true THEN '(' || pg_get_expr(q.polqual, q.polrelid) || ') AND ' END,
         CASE WHEN NOT (p.check_expr).always_true THEN '(' || pg_get_expr(q.polwithcheck, q.polrelid) || ') AND ' END
       FROM pg_catalog.pg_policy q WHERE q.polrelid = t.id AND q.polname = p.name) k (using_kept, check_kept),
       insforge.audit_owner_test(t.id, insforge.audit_owner_column(t.id)) o (test)
     WHERE o.test IS NOT NULL AND 'authenticated' = ANY (p.runtime) AND p.command <> 'ALL'
       -- Visitors may be meant to add rows. Where each row must have an owner, they are not.
       AND (p.command <> 'INSERT' OR NOT 'anon' = ANY (p.runtime) OR b.signed_in OR EXISTS (
         SELECT FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = t.id AND a.attname = insforge.audit_owner_column(t.id) AND a.attnotnull
           AND coalesce(pg_get_expr(d.adbin, d.adrelid) ~ '^(\w+\.)?requesting_user_id\(\)$', true)))),
    'L14:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
  CROSS JOIN LATERAL (
    -- Whether all it asks is the caller's role.
    SELECT bool_and((x.e).asks_role)
    FROM (VALUES (p.using_expr), (p.check_expr)) x (e) WHERE x.e IS DISTINCT FROM NULL) b (signed_in)
  WHERE p.permissive AND (cardinality(p.runtime) > 0 OR 0 = ANY (p.roles))
    AND CASE p.command
      WHEN 'INSERT' THEN (p.check_expr).always_true
      WHEN 'UPDATE' THEN (p.using_expr).always_true OR ((p.check_expr).always_true AND cardinality((p.using_expr).pins) = 0)
      WHEN 'DELETE' THEN (p.using_expr).always_true
      WHEN 'ALL' THEN (p.using_expr).always_true OR (p.check_expr).always_true
    END
    AND NOT (p.command = 'INSERT' AND insforge.audit_payment_table(t.schema_name, t.name))  -- L41
    AND NOT insforge.audit_fenced(t.policies, p)
$fn$;
COMMENT ON FUNCTION insforge.lint_l14(insforge.audit_context) IS
'L14 always_true_write, described in docs/lints/L14_always_true_write.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
