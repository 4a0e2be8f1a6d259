-- Steps for columns, indexes and helper functions.

CREATE FUNCTION insforge._rls_default(tbl regclass, col text) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
  JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = tbl AND a.attname = col
$fn$;

CREATE FUNCTION insforge._rls_mend_steps(tbl regclass, specs jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT m.* FROM jsonb_array_elements(specs) s, jsonb_array_elements(s -> 'columns') c,
    LATERAL insforge._rls_mend(tbl, c ->> 'name') m
  WHERE (s ->> 'mend')::boolean AND (c ->> 'id')::boolean
$fn$;

-- What all specifications together ask of each column.
CREATE FUNCTION insforge._rls_wanted_columns(specs jsonb)
RETURNS TABLE (name text, required boolean, value text, mend boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT c ->> 'name', bool_or((c ->> 'not_null')::boolean), max(c ->> 'default'), bool_or((s ->> 'mend')::boolean)
  FROM jsonb_array_elements(specs) s, jsonb_array_elements(s -> 'columns') c GROUP BY 1
$fn$;

-- NOT NULL and defaults; memory says which of them are ours to take away again.
CREATE FUNCTION insforge._rls_column_steps(tbl regclass, specs jsonb, memory jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH wanted AS (SELECT * FROM insforge._rls_wanted_columns(specs)), actual AS (
    SELECT w.*, a.attnotnull, d.expr, d.expr IS NULL OR (w.mend AND insforge._rls_default_is_uid(tbl, w.name)) AS free
    FROM wanted w JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = w.name,
      LATERAL insforge._rls_default(tbl, w.name) AS d(expr)
  )
  SELECT 'column', format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', insforge._rls_name(tbl), name, value),
    'an insert need not name it; server code without a user must'
  FROM actual WHERE value IS NOT NULL AND free
  UNION ALL
  SELECT 'note', NULL, format('%I keeps its default %s', name, expr) ||
    CASE WHEN insforge._rls_default_is_uid(tbl, name)
      THEN ', which raises 22P02 for ids that are not uuids: {"mend": true} replaces it' ELSE '' END
  FROM actual WHERE value IS NOT NULL AND NOT free AND expr <> value
  UNION ALL
  SELECT 'column', format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', insforge._rls_name(tbl), name),
    'a row without it would belong to nobody'
  FROM actual WHERE required AND NOT attnotnull
  UNION ALL
  SELECT 'column', format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', insforge._rls_name(tbl), a.attname),
    'the default was ours'
  FROM jsonb_array_elements_text(memory -> 'default') m JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = m
  WHERE insforge._rls_default(tbl, m) IN ('insforge.requesting_user_id()', 'insforge.org_id()')
    AND NOT EXISTS (SELECT FROM wanted w WHERE w.name = m AND w.value IS NOT NULL)
  UNION ALL
  SELECT 'column', format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', insforge._rls_name(tbl), a.attname),
    'NOT NULL was ours'
  FROM jsonb_array_elements_text(memory -> 'not_null') m JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = m
  WHERE a.attnotnull AND NOT EXISTS (SELECT FROM wanted w WHERE w.name = m AND w.required)
$fn$;

-- The part of the memory that the steps above make.
CREATE FUNCTION insforge._rls_column_memory(tbl regclass, specs jsonb, memory jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH actual AS (
    SELECT w.name, w.required AND (NOT a.attnotnull OR memory -> 'not_null' ? w.name) AS our_not_null,
      w.value IS NOT NULL AND (insforge._rls_default(tbl, w.name) IS NULL OR memory -> 'default' ? w.name
        OR (w.mend AND insforge._rls_default_is_uid(tbl, w.name))) AS our_default
    FROM insforge._rls_wanted_columns(specs) w JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = w.name
  )
  SELECT jsonb_build_object(
    'not_null', coalesce(jsonb_agg(name ORDER BY name) FILTER (WHERE our_not_null), '[]'),
    'default', coalesce(jsonb_agg(name ORDER BY name) FILTER (WHERE our_default), '[]')) FROM actual
$fn$;

CREATE FUNCTION insforge._rls_index_name(tbl regclass, col text) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT insforge._rls_fit(c.relname || '_' || col || '_insforge_idx') FROM pg_class c WHERE c.oid = tbl $fn$;

-- Ours on the table, by column.
CREATE FUNCTION insforge._rls_our_indexes(tbl regclass) RETURNS TABLE (index oid, col text)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT i.indexrelid, a.attname::text FROM pg_index i
  LEFT JOIN pg_attribute a ON a.attrelid = tbl AND a.attnum = i.indkey[0]
  WHERE i.indrelid = tbl AND insforge._rls_mark(obj_description(i.indexrelid, 'pg_class')) IS NOT NULL
$fn$;

CREATE FUNCTION insforge._rls_is_indexed(tbl regclass, col text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  -- Only the leading column of a whole btree finds rows by that column alone.
  SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
    JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = col AND a.attnum = i.indkey[0]
    WHERE i.indrelid = tbl AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree')
$fn$;

CREATE FUNCTION insforge._rls_index_steps(tbl regclass, specs jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  home CONSTANT text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = tbl);
  owned CONSTANT boolean := pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = tbl), 'USAGE');
  col text; name text;
BEGIN
  FOR name IN SELECT format('%I.%I', home, c.relname) FROM insforge._rls_our_indexes(tbl) o JOIN pg_class c
    ON c.oid = o.index
              WHERE NOT EXISTS (SELECT FROM insforge._rls_all(specs, 'index') w WHERE w #>> '{}' = o.col) LOOP
    RETURN NEXT insforge._rls_do('index', format('DROP INDEX %s', name),
      'it was ours, and no policy of ours needs it');
  END LOOP;
  FOR col IN SELECT w #>> '{}' FROM insforge._rls_all(specs, 'index') w LOOP
    CONTINUE WHEN insforge._rls_is_indexed(tbl, col);
    name := insforge._rls_index_name(tbl, col);
    IF to_regclass(format('%I.%I', home, name)) IS NOT NULL THEN
      PERFORM insforge._rls_fail('42710', format('%I.%I exists and is not an index of ours', home, name),
        'Rename it, or pass {"index": false}.');
    ELSIF NOT owned THEN
      RETURN NEXT insforge._rls_do('note', NULL, format('%I has no index; the owner of %s can make one', col,
        insforge._rls_name(tbl)));
      CONTINUE;
    END IF;
    RETURN NEXT insforge._rls_do('index', format('CREATE INDEX %I ON %s (%I)', name, insforge._rls_name(tbl), col),
      'policies compare it in every statement. It locks out writes while it builds: '
      'on a large live table CREATE INDEX CONCURRENTLY first');
    RETURN NEXT insforge._rls_do('index', format('COMMENT ON INDEX %I.%I IS %L', home, name,
      E'insforge: made by insforge.create_policies, removed by insforge.drop_policies\n{}'), 'marks it as ours');
  END LOOP;
END $fn$;
