-- A policy cannot see the old row. If rows are read by owner, and an update policy says nothing about that column,
-- whoever may update a row can give it another owner.
CREATE FUNCTION insforge.lint_l21(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L21', 'warning', 'security', 'The owner of a row can be changed',
    format('The %s decides who sees a row, and the update policies (%s) let authenticated change it.', o.object, m.policies),
    o.object,
    'Pin the column in WITH CHECK, grant UPDATE on the other columns only, or guard it with a trigger before updates.',
    CASE WHEN g.direct THEN format(E'REVOKE UPDATE ON TABLE %s FROM authenticated;\nGRANT UPDATE (%s) ON TABLE %s TO authenticated;',
                                   t.id::regclass, g.others, t.id::regclass) END,
    'L21:' || o.object
  FROM unnest(context.tables) t
  CROSS JOIN LATERAL (
    SELECT DISTINCT n.attnum FROM unnest(t.policies) p, unnest((p.using_expr).key_columns) n (attnum)
    WHERE p.permissive AND p.command IN ('SELECT', 'ALL') AND n.attnum > 0) owned
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum = owned.attnum
  CROSS JOIN LATERAL (SELECT format('column %I.%I.%I', t.schema_name, t.name, a.attname)) o (object)
  CROSS JOIN LATERAL (
    SELECT string_agg(p.name, ', ' ORDER BY p.name) FROM unnest(t.policies) p
    WHERE p.permissive AND p.command IN ('UPDATE', 'ALL') AND 'authenticated' = ANY (p.runtime)
      AND NOT (p.using_expr).pins && ARRAY[owned.attnum, 0::smallint]  -- then it is checked, or L19 says so
      AND NOT coalesce((p.check_expr).columns, '{}') && ARRAY[owned.attnum, 0::smallint]
      AND NOT coalesce((p.using_expr).always_true OR (p.check_expr).always_true, false)  -- L14
      AND NOT insforge.audit_fenced(t.policies, p)) m (policies)
  CROSS JOIN LATERAL (
    -- A privilege held through PUBLIC or another role would outlive the REVOKE.
    SELECT (SELECT bool_or(x.grantee = to_regrole('authenticated')) AND NOT bool_or(x.grantee = 0)
                   AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members i WHERE i.member = to_regrole('authenticated'))
            FROM aclexplode(c.relacl) x WHERE x.privilege_type = 'UPDATE') AS direct,
      (SELECT string_agg(quote_ident(b.attname), ', ' ORDER BY b.attnum) FROM pg_catalog.pg_attribute b
       WHERE b.attrelid = c.oid AND b.attnum > 0 AND NOT b.attisdropped AND b.attnum <> owned.attnum
         AND has_column_privilege(to_regrole('authenticated')::oid, c.oid, b.attnum, 'UPDATE')) AS others
    FROM pg_catalog.pg_class c WHERE c.oid = t.id AND m.policies IS NOT NULL) g
  WHERE NOT t.platform AND has_column_privilege(to_regrole('authenticated')::oid, t.id, owned.attnum, 'UPDATE')
    AND NOT insforge.audit_column_guarded(t.id, owned.attnum, context.runtime)
$fn$;
COMMENT ON FUNCTION insforge.lint_l21(insforge.audit_context) IS
'L21 owner_mutable, described in docs/lints/L21_owner_mutable.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
