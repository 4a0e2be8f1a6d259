-- Steps for what a role needs around the table, its schema and its sequences, and for the switch itself.

-- [schema, role] pairs to grant, and those granted for a table of ours that still need to be.
CREATE FUNCTION insforge._rls_usage_needed(tbl regclass, specs jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT DISTINCT jsonb_build_array(n.nspname, g ->> 0)
  FROM insforge._rls_granted(tbl, specs) g, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = tbl
$fn$;

-- [sequence, role] pairs: a serial column's default calls nextval with the rights of whoever inserts.
CREATE FUNCTION insforge._rls_sequences_needed(tbl regclass, specs jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT DISTINCT jsonb_build_array(s, g ->> 0)
  FROM insforge._rls_granted(tbl, specs) g, insforge._rls_sequences(tbl) s WHERE g ->> 1 = 'INSERT'
$fn$;

-- Whether another table of ours in the schema counts on a USAGE that we granted.
CREATE FUNCTION insforge._rls_usage_shared(tbl regclass, usage jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT EXISTS (
    SELECT FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = usage ->> 0 AND p.polrelid <> tbl
      -- Cheap first: nearly no comment holds one.
      AND obj_description(p.oid, 'pg_policy') LIKE '%"usage": [[%'
      AND insforge._rls_mark(obj_description(p.oid, 'pg_policy')) -> 'table' -> 'usage' @> jsonb_build_array(usage))
$fn$;

CREATE FUNCTION insforge._rls_forces(specs jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT coalesce(bool_or((s ->> 'force')::boolean), false) FROM jsonb_array_elements(specs) s $fn$;

CREATE FUNCTION insforge._rls_access_memory(tbl regclass, specs jsonb, memory jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_object(
    'usage', (SELECT coalesce(jsonb_agg(u ORDER BY u), '[]') FROM insforge._rls_usage_needed(tbl, specs) u
              WHERE coalesce(memory -> 'usage' @> jsonb_build_array(u), false) OR insforge._rls_usage_shared(tbl, u)
                OR NOT has_schema_privilege(u ->> 1, u ->> 0, 'USAGE')),
    'sequences', (SELECT coalesce(jsonb_agg(s ORDER BY s), '[]') FROM insforge._rls_sequences_needed(tbl, specs) s
                  WHERE coalesce(memory -> 'sequences' @> jsonb_build_array(s), false)
                    OR NOT has_sequence_privilege(s ->> 1, s ->> 0, 'USAGE')),
    'rls', coalesce((memory ->> 'rls')::boolean, false) OR NOT c.relrowsecurity,
    'force', insforge._rls_forces(specs) AND (coalesce((memory ->> 'force')::boolean, false)
      OR NOT c.relforcerowsecurity),
    'others', coalesce(memory -> 'others', (SELECT coalesce(jsonb_agg(p.polname ORDER BY p.polname), '[]')
      FROM pg_policy p WHERE p.polrelid = tbl)),
    'helpers', (SELECT coalesce(jsonb_agg(h -> 'signature'), '[]') FROM insforge._rls_all(specs, 'helpers') h))
  FROM pg_class c WHERE c.oid = tbl
$fn$;

CREATE FUNCTION insforge._rls_access_steps(tbl regclass, specs jsonb, memory jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'grant', format('GRANT USAGE ON SCHEMA %I TO %I', u ->> 0, u ->> 1),
    'without it no table in the schema can be named'
  FROM insforge._rls_usage_needed(tbl, specs) u WHERE NOT has_schema_privilege(u ->> 1, u ->> 0, 'USAGE')
  UNION ALL
  SELECT 'grant', format('GRANT USAGE ON SEQUENCE %s TO %I', s ->> 0, s ->> 1), 'inserting takes a number from it'
  FROM insforge._rls_sequences_needed(tbl, specs) s WHERE NOT has_sequence_privilege(s ->> 1, s ->> 0, 'USAGE')
  UNION ALL
  SELECT 'grant', format('REVOKE USAGE ON SCHEMA %I FROM %I', u ->> 0, u ->> 1), 'the grant was ours'
  FROM jsonb_array_elements(memory -> 'usage') u JOIN pg_roles r ON r.rolname = u ->> 1 JOIN pg_namespace n
    ON n.nspname = u ->> 0
  WHERE NOT EXISTS (SELECT FROM insforge._rls_usage_needed(tbl, specs) x WHERE x = u)
    AND NOT insforge._rls_usage_shared(tbl, u)
  UNION ALL
  SELECT 'grant', format('REVOKE USAGE ON SEQUENCE %s FROM %I', s ->> 0, s ->> 1), 'the grant was ours'
  FROM jsonb_array_elements(memory -> 'sequences') s JOIN pg_roles r ON r.rolname = s ->> 1
  WHERE to_regclass(s ->> 0) IS NOT NULL AND NOT EXISTS (SELECT FROM insforge._rls_sequences_needed(tbl, specs) x
    WHERE x = s)
$fn$;

CREATE FUNCTION insforge._rls_switch_steps(tbl regclass, specs jsonb, memory jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  now_on record;
  forces boolean := insforge._rls_forces(specs);
  newcomers text := (SELECT string_agg(quote_ident(p.polname), ', ') FROM pg_policy p
    WHERE p.polrelid = tbl AND NOT coalesce(memory -> 'others' ? p.polname, false)
      -- InsForge's project_admin_policy is for a role that no policy binds.
      AND NOT p.polroles <@ ARRAY(SELECT r.oid FROM pg_roles r WHERE r.rolbypassrls OR r.rolsuper)
      AND insforge._rls_mark(obj_description(p.oid, 'pg_policy')) IS NULL);
BEGIN
  SELECT c.relrowsecurity AS rls, c.relforcerowsecurity AS forced INTO now_on FROM pg_class c WHERE c.oid = tbl;
  IF forces AND NOT now_on.forced THEN
    RETURN NEXT insforge._rls_do('rls', format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', insforge._rls_name(tbl)),
      'asked for: the owner obeys the policies too');
  ELSIF NOT forces AND now_on.forced AND (memory ->> 'force')::boolean THEN
    RETURN NEXT insforge._rls_do('rls', format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY',
      insforge._rls_name(tbl)), 'FORCE was ours');
  END IF;
  IF specs <> '[]' AND NOT now_on.rls THEN
    RETURN NEXT insforge._rls_do('rls', format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', insforge._rls_name(tbl)),
      'policies do nothing until it is on');
  ELSIF specs = '[]' AND now_on.rls AND (memory ->> 'rls')::boolean THEN
    IF newcomers IS NOT NULL THEN
      RETURN NEXT insforge._rls_do('note', NULL, format('row-level security stays on: %s came later and needs it',
        newcomers));
    ELSE
      RETURN NEXT insforge._rls_do('rls', format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY',
        insforge._rls_name(tbl)), 'it was off before: whoever has a grant sees every row again');
    END IF;
  END IF;
END $fn$;
