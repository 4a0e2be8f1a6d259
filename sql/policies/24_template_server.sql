-- Rows that only the server writes. A policy of `false` says so where silence would too: it is restrictive,
-- so that a permissive policy added later opens nothing.

CREATE FUNCTION insforge._rls_template_server_only(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  p CONSTANT text := 'insforge_server_only_';
  who jsonb := o -> 'to';
  readers jsonb := CASE o ->> 'read' WHEN 'public' THEN who WHEN 'authenticated' THEN '["authenticated"]' END;
  closed jsonb := jsonb_build_array(
    insforge._rls_policy(p || 'insert', 'INSERT', who, NULL, 'false', 'only the server inserts', 'RESTRICTIVE'),
    insforge._rls_policy(p || 'update', 'UPDATE', who, 'false', 'false', 'only the server changes', 'RESTRICTIVE'),
    insforge._rls_policy(p || 'delete', 'DELETE', who, 'false', NULL, 'only the server deletes', 'RESTRICTIVE'));
BEGIN
  PERFORM insforge._rls_check_roles(coalesce(insforge._rls_texts(readers), '{}'));
  RETURN jsonb_build_object('slot', 'table', 'narrow', true, 'columns', '[]'::jsonb, 'index', '[]'::jsonb,
    'policies', closed || CASE WHEN readers IS NULL
      THEN insforge._rls_policy(p || 'select', 'SELECT', who, 'false', NULL, 'only the server reads', 'RESTRICTIVE')
      ELSE insforge._rls_policy(p || 'select', 'SELECT', readers, 'true', NULL,
        'everybody named reads every row') END,
    'grants', coalesce(insforge._rls_grants(readers, '{SELECT}'), '{}')
      -- Named without privileges: these roles keep none.
      || (SELECT coalesce(jsonb_object_agg(r, '[]'::jsonb), '{}') FROM jsonb_array_elements_text(who) r
        WHERE readers IS NULL OR NOT readers ? r));
END $fn$;
