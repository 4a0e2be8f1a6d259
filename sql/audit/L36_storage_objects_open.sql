-- On a fresh InsForge storage.objects has row-level security off: every signed-in user may read and replace every
-- file's row. And uploaded_by is text, so auth.uid() is the wrong identity there.
CREATE FUNCTION insforge.lint_l36(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH objects AS (
    SELECT t.* FROM unnest(context.tables) t
    WHERE t.schema_name = 'storage' AND t.name = 'objects' AND EXISTS (
      SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.id AND a.attname = 'uploaded_by' AND NOT a.attisdropped)),
  found AS (
    SELECT t.object, format('The %s has row-level security off while anon or authenticated holds %s.', t.object, array_to_string(t.privileges, ', ')) AS description,
      (SELECT format(E'ALTER TABLE %s ENABLE ROW LEVEL SECURITY;\n%s', t.id::regclass, o.policies)
       FROM insforge.audit_owner_policies(t.id) o (policies) WHERE o.policies IS NOT NULL) AS fix
    FROM objects t WHERE NOT t.rls AND cardinality(t.policies) = 0 AND cardinality(t.privileges) > 0
    UNION ALL
    SELECT p.object, format('The %s uses auth.uid(): for a string id that raises 22P02 and no file can be listed.', p.object),
      CASE WHEN to_regprocedure('insforge.requesting_user_id()') IS NOT NULL THEN
        insforge.audit_alter_policy(t.id, p.name, ARRAY[(SELECT insforge.audit_call_pattern(context.auth_uid))], ARRAY['(SELECT insforge.requesting_user_id())']) END
    FROM objects t CROSS JOIN unnest(t.policies) p
    WHERE context.insforge AND context.auth_uid = ANY ((p.using_expr).calls || (p.check_expr).calls))
  SELECT 'L36', 'critical', 'security', 'storage.objects is not protected',
    f.description, f.object,
    'Enable row-level security with policies that compare uploaded_by with (select insforge.requesting_user_id()).',
    f.fix, 'L36:' || f.object
  FROM found f
$fn$;
COMMENT ON FUNCTION insforge.lint_l36(insforge.audit_context) IS
'L36 storage_objects_open, described in docs/lints/L36_storage_objects_open.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
