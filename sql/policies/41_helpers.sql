-- Steps for helper functions, which only some templates need. They belong to the owner of the table they
-- read, not to the extension, and read it with that owner's rights.

CREATE FUNCTION insforge._rls_helper_mark(helper jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT format(E'insforge: %s; made by insforge.create_policies, removed by insforge.drop_policies\n%s',
                helper ->> 'why', jsonb_build_object('ddl', md5(helper ->> 'ddl')))
$fn$;

CREATE FUNCTION insforge._rls_helper_found(signature text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT insforge._rls_mark(obj_description(to_regprocedure(signature), 'pg_proc')) $fn$;

-- Helpers that are gone from the specifications, or that cannot be replaced since they return another type:
-- the policies that call those name the type, and are dropped before.
CREATE FUNCTION insforge._rls_helper_drops(specs jsonb, memory jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'function', format('DROP FUNCTION %s', m), 'it was ours, and no policy of ours needs it as it is'
  FROM jsonb_array_elements_text(memory -> 'helpers') m JOIN pg_proc p ON p.oid = to_regprocedure(m)
  WHERE NOT EXISTS (SELECT FROM insforge._rls_all(specs, 'helpers') h
    WHERE to_regprocedure(h ->> 'signature') = p.oid AND to_regtype((h ->> 'type') || '[]') = p.prorettype)
$fn$;

CREATE FUNCTION insforge._rls_helper_steps(specs jsonb, memory jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  h jsonb;
  found jsonb;
BEGIN
  FOR h IN SELECT * FROM insforge._rls_all(specs, 'helpers') LOOP
    found := insforge._rls_helper_found(h ->> 'signature');
    CONTINUE WHEN found ->> 'ddl' = md5(h ->> 'ddl');
    IF to_regprocedure(h ->> 'signature') IS NOT NULL
      AND NOT coalesce(memory -> 'helpers' ? to_regprocedure(h ->> 'signature')::text, false) THEN
      PERFORM insforge._rls_fail('42710', format('%s exists and is not ours', h ->> 'signature'),
        'Rename it, or name another schema in option "helper_schema".');
    END IF;
    RETURN NEXT insforge._rls_do('function', CASE WHEN found IS NULL THEN h ->> 'ddl'
      ELSE regexp_replace(h ->> 'ddl', '^CREATE', 'CREATE OR REPLACE') END, h ->> 'why');
    RETURN NEXT insforge._rls_do('function', format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', h ->> 'signature'),
      'new functions are everybody''s to call');
    RETURN NEXT insforge._rls_do('function', format('GRANT EXECUTE ON FUNCTION %s TO %s', h ->> 'signature',
      insforge._rls_names(insforge._rls_texts(h -> 'to'))), 'policies call it as the role of the request');
    RETURN NEXT insforge._rls_do('function', format('COMMENT ON FUNCTION %s IS %L', h ->> 'signature',
      insforge._rls_helper_mark(h)), 'marks it as ours');
    IF h ->> 'owner' <> current_user AND pg_has_role(h ->> 'owner', 'MEMBER') THEN
      RETURN NEXT insforge._rls_do('function', format('ALTER FUNCTION %s OWNER TO %I', h ->> 'signature',
        h ->> 'owner'),
        'it must not read a table with more rights than the table''s owner has, who could make a view of it');
    END IF;
  END LOOP;
END $fn$;
