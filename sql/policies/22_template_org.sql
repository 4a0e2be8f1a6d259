-- Rows that belong to an organisation: org, org_role, tenant_fence.

CREATE FUNCTION insforge._rls_org_policies(prefix text, o jsonb, fallback text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  org text := format('%I', o ->> 'org_column');
  may_read text := insforge._rls_in_my_orgs(org, insforge._rls_texts(o -> 'select_roles'));
  may_insert text := insforge._rls_in_my_orgs(org, coalesce(insforge._rls_texts(o -> 'insert_roles'), fallback));
  may_update text := insforge._rls_in_my_orgs(org, coalesce(insforge._rls_texts(o -> 'update_roles'), fallback));
  may_delete text := insforge._rls_in_my_orgs(org, coalesce(insforge._rls_texts(o -> 'delete_roles'), fallback));
  by_me text := coalesce(' and ' || insforge._rls_is_me(o ->> 'author_column'), '');
BEGIN
  RETURN jsonb_build_array(
    insforge._rls_policy(prefix || '_select', 'SELECT', o -> 'to', may_read, NULL,
      'read rows of one''s organisations'),
    insforge._rls_policy(prefix || '_insert', 'INSERT', o -> 'to', NULL, may_insert || by_me,
      'insert into one''s organisations, under one''s own id'),
    insforge._rls_policy(prefix || '_update', 'UPDATE', o -> 'to', may_update, may_update,
      'change rows of one''s organisations'),
    insforge._rls_policy(prefix || '_delete', 'DELETE', o -> 'to', may_delete, NULL,
      'delete rows of one''s organisations'));
END $fn$;

CREATE FUNCTION insforge._rls_org_spec(prefix text, o jsonb, fallback text[]) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_object('slot', 'table', 'narrow', true,
    'policies', insforge._rls_org_policies(prefix, o, fallback),
    'columns', jsonb_build_array(insforge._rls_id_column(o, 'org_column', 'org'))
      || CASE WHEN o ? 'author_column' THEN insforge._rls_id_column(o, 'author_column', 'user') ELSE '[]' END,
    'index', jsonb_build_array(o ->> 'org_column'),
    'grants', insforge._rls_grants(o -> 'to', '{SELECT,INSERT,UPDATE,DELETE}'),
    -- Who belongs to two organisations passes WITH CHECK for both and could move rows between them.
    'keep', insforge._rls_keep(o, ARRAY[o ->> 'org_column', o ->> 'author_column'], 'trigger'))
$fn$;

CREATE FUNCTION insforge._rls_template_org(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT insforge._rls_org_spec('insforge_org', o, NULL) $fn$;

CREATE FUNCTION insforge._rls_template_org_role(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT insforge._rls_org_spec('insforge_org_role', o, insforge._rls_texts(o -> 'roles')) $fn$;

-- One policy for ALL: restrictive policies join every permissive one with AND, so that a policy added
-- later by mistake cannot reach across organisations.
CREATE FUNCTION insforge._rls_template_tenant_fence(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_object('slot', 'fence', 'narrow', false,
    'policies', jsonb_build_array(insforge._rls_policy('insforge_tenant_fence', 'ALL', o -> 'to', inside.org,
      inside.org,
      'whatever other policies allow, only within one''s organisations', 'RESTRICTIVE')),
    'columns', jsonb_build_array(insforge._rls_id_column(o, 'org_column', 'org')),
    'index', jsonb_build_array(o ->> 'org_column'),
    'grants', '{}'::jsonb,
    'keep', insforge._rls_keep(o, ARRAY[o ->> 'org_column'], 'trigger'))
  FROM (SELECT insforge._rls_in_my_orgs(format('%I', o ->> 'org_column'))) AS inside(org)
$fn$;
