-- Rows that belong to one user: owner, owner_public_read, append_only.

CREATE FUNCTION insforge._rls_template_owner(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_object('slot', 'table', 'narrow', true,
    'policies', insforge._rls_four('insforge_owner', o -> 'to', insforge._rls_is_me(o ->> 'column'),
      'one''s own rows'),
    'columns', jsonb_build_array(insforge._rls_id_column(o, 'column', 'user')),
    'index', jsonb_build_array(o ->> 'column'),
    'grants', insforge._rls_grants(o -> 'to', '{SELECT,INSERT,UPDATE,DELETE}'),
    -- USING and WITH CHECK name the same owner, so an update cannot give a row away.
    'keep', insforge._rls_keep(o, ARRAY[o ->> 'column'], 'check'))
$fn$;

CREATE FUNCTION insforge._rls_template_owner_public_read(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  spec jsonb := insforge._rls_template_owner(tbl, o);
  published text := o ->> 'published';
  readers jsonb := (SELECT jsonb_agg(DISTINCT r) FROM jsonb_array_elements(o -> 'to' || (o -> 'public_to')) r);
  strangers jsonb := (SELECT jsonb_agg(r) FROM jsonb_array_elements(o -> 'public_to') r WHERE NOT o -> 'to' @> r);
  writes jsonb := insforge._rls_four('insforge_owner_public_read', o -> 'to', insforge._rls_is_me(o ->> 'column'),
    'one''s own rows') - 0;
  reads jsonb;
BEGIN
  IF published IS NULL THEN
    reads := jsonb_build_array(insforge._rls_policy('insforge_owner_public_read_select', 'SELECT', readers, 'true',
      NULL, 'everybody named reads every row'));
  ELSE
    PERFORM insforge._rls_check_column(tbl, published, 'published');
    IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = tbl AND a.attname = published
      AND a.atttypid = 'boolean'::regtype) THEN
      PERFORM insforge._rls_fail('42804', format('%s.%I is not boolean', insforge._rls_name(tbl), published),
        'Option "published" names a boolean column that is true in public rows.');
    END IF;
    -- Two policies, so that the one for anon does not ask for an identity that anon never has.
    reads := jsonb_build_array(insforge._rls_policy('insforge_owner_public_read_select', 'SELECT', o -> 'to',
      format('%I or %s', published, insforge._rls_is_me(o ->> 'column')), NULL,
        'read published rows and one''s own'));
    IF strangers IS NOT NULL THEN
      reads := reads || insforge._rls_policy('insforge_owner_public_read_select_public', 'SELECT', strangers,
        format('%I', published), NULL, 'read published rows');
    END IF;
  END IF;
  RETURN spec || jsonb_build_object('policies', reads || writes,
    'grants', insforge._rls_grants(readers, '{SELECT}') || (spec -> 'grants'));
END $fn$;

CREATE FUNCTION insforge._rls_template_append_only(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  spec jsonb := insforge._rls_template_owner(tbl, o);
  own text := insforge._rls_is_me(o ->> 'column');
  readers jsonb := CASE WHEN o ->> 'read' = 'public' THEN o -> 'to' || '["anon"]' ELSE o -> 'to' END;
BEGIN
  PERFORM insforge._rls_check_roles(insforge._rls_texts(readers));
  RETURN spec || jsonb_build_object(
    'policies', jsonb_build_array(
      insforge._rls_policy('insforge_append_only_select', 'SELECT', readers,
        CASE WHEN o ->> 'read' = 'owner' THEN own ELSE 'true' END, NULL,
        CASE WHEN o ->> 'read' = 'owner' THEN 'read one''s own rows' ELSE 'everybody named reads every row' END),
      insforge._rls_policy('insforge_append_only_insert', 'INSERT', o -> 'to', NULL, own,
        'add rows under one''s own id')),
    'index', CASE WHEN o ->> 'read' = 'owner' THEN spec -> 'index' ELSE '[]' END,
    'grants', insforge._rls_grants(readers, '{SELECT}') || insforge._rls_grants(o -> 'to', '{SELECT,INSERT}'),
    'guard', o -> 'guard');
END $fn$;
