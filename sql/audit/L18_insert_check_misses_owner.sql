-- If rows are read by owner but inserted without looking at the owner, anybody can file a row under another user.
CREATE FUNCTION insforge.audit_asks_more(calls oid[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT EXISTS (
    SELECT FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
    WHERE f.oid = ANY (calls) AND n.nspname NOT IN ('pg_catalog', 'auth')
      AND NOT (f.proname IN ('requesting_user_id', 'claims', 'claim', 'email', 'role') AND n.nspname IN ('insforge', 'public')))
$fn$;
COMMENT ON FUNCTION insforge.audit_asks_more(oid[]) IS
'Whether the functions include one that says more than who the caller is. STABLE, PARALLEL SAFE. Execute:
whoever may audit.';

CREATE FUNCTION insforge.lint_l18(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L18', 'critical', 'security', 'An insert policy does not check whose row it is',
    format('The %s does not look at %s, which the other policies of the table compare with the caller.', p.object,
           insforge.audit_column_names(t.id, coalesce(b.common, b.pins))),
    p.object,
    'Repeat the condition of the other policies in WITH CHECK.',
    (SELECT format('ALTER POLICY %I ON %s WITH CHECK ((%s) AND (%s));', p.name, t.id::regclass,
                   pg_get_expr(own.polwithcheck, own.polrelid), pg_get_expr(guide.polqual, guide.polrelid))
     FROM pg_catalog.pg_policy own, pg_catalog.pg_policy guide
     WHERE own.polrelid = t.id AND own.polname = p.name AND guide.polrelid = t.id AND guide.polname = b.guide),
    'L18:' || p.object
  FROM unnest(context.tables) t CROSS JOIN unnest(t.policies) p
  CROSS JOIN LATERAL (
    -- What the other policies pin, what all of them pin, and one to copy the condition from.
    SELECT array_agg(DISTINCT n.attnum),
      array_agg(DISTINCT n.attnum) FILTER (WHERE NOT EXISTS (
        SELECT FROM unnest(t.policies) x WHERE x.permissive AND x.command <> 'INSERT' AND x.runtime && p.runtime
          AND cardinality((x.using_expr).pins) > 0 AND NOT n.attnum = ANY ((x.using_expr).key_columns))),
      (array_agg(q.name ORDER BY array_position('{UPDATE,DELETE,ALL,SELECT}', q.command), q.name))[1]
    FROM unnest(t.policies) q, unnest((q.using_expr).pins) n (attnum)
    WHERE q.permissive AND q.command <> 'INSERT' AND q.runtime && p.runtime) b (pins, common, guide)
  WHERE p.command = 'INSERT' AND p.permissive AND cardinality(b.pins) > 0
    AND NOT (p.check_expr).always_true  -- L14
    AND (NOT (p.check_expr).columns @> coalesce(b.common, '{}')
         OR (NOT (p.check_expr).columns && b.pins AND cardinality((p.check_expr).pins) = 0))
    AND NOT 0::smallint = ANY ((p.check_expr).columns)
    -- A helper or a table may say who can insert for others: an administrator, the server.
    AND cardinality((p.check_expr).relations) = 0
    AND NOT insforge.audit_asks_more((p.check_expr).calls)
    AND NOT insforge.audit_payment_table(t.schema_name, t.name)  -- L41
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g  -- 1: per row, 2: before, 4: on insert
                    WHERE g.tgrelid = t.id AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 7 = 7)
    AND EXISTS (SELECT FROM unnest(coalesce(b.common, b.pins)) n (attnum), unnest(context.runtime) r (id)
                WHERE n.attnum > 0 AND has_column_privilege(r.id, t.id, n.attnum, 'INSERT'))
    AND NOT insforge.audit_fenced(t.policies, p)
$fn$;
COMMENT ON FUNCTION insforge.lint_l18(insforge.audit_context) IS
'L18 insert_check_misses_owner, described in docs/lints/L18_insert_check_misses_owner.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
