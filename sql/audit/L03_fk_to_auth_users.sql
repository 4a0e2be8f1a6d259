-- auth.users holds only the users who signed up with the platform itself. A user of another provider has no row
-- there, so a foreign key to it refuses every insert.
CREATE FUNCTION insforge.lint_l03(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L03', 'critical', 'security', 'A foreign key points at auth.users',
    format('The %s references auth.users, where users of another provider have no row: their inserts fail.', o.object),
    o.object,
    'Drop the constraint, and make the column text (L02). With Better Auth reference better_auth."user"(id) instead.',
    format('ALTER TABLE %s DROP CONSTRAINT %I;', t.id::regclass, k.conname),
    'L03:' || o.object
  FROM unnest(context.tables) t
  JOIN pg_catalog.pg_constraint k ON k.conrelid = t.id AND k.contype = 'f' AND k.confrelid = insforge.audit_relation('auth', 'users')
  CROSS JOIN LATERAL (SELECT format('constraint %I on %I.%I', k.conname, t.schema_name, t.name)) o (object)
  WHERE NOT t.platform AND k.conparentid = 0
    AND (context.third_party OR EXISTS (
      SELECT FROM unnest(t.policies) p
      JOIN pg_catalog.pg_proc f ON f.oid = ANY ((p.using_expr).calls || (p.check_expr).calls)
      WHERE f.proname = 'requesting_user_id'))
$fn$;
COMMENT ON FUNCTION insforge.lint_l03(insforge.audit_context) IS
'L03 fk_to_auth_users, described in docs/lints/L03_fk_to_auth_users.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
