-- Rows to try with. They are made inside a subtransaction that access_matrix rolls back.

-- Some value of a type, as text; NULL where we know none.
CREATE FUNCTION insforge._probe_literal(type oid, typmod integer, distinct_values boolean, n integer) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE
    WHEN t.typtype = 'd' THEN insforge._probe_literal(t.typbasetype, t.typtypmod, distinct_values, n)
    WHEN t.typtype = 'e' THEN (SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid
      ORDER BY e.enumsortorder LIMIT 1)
    WHEN t.typcategory = 'A' THEN '{}'
    WHEN t.typcategory = 'R' THEN 'empty'
    WHEN t.typcategory = 'S' AND typmod BETWEEN 5 AND 35 THEN left(md5(n::text), typmod - 4)
    WHEN t.typcategory = 'S' THEN 'insforge-probe-' || n
    WHEN t.oid = 'smallint'::regtype THEN (CASE WHEN distinct_values THEN 30000 ELSE 1 END + n % 1000)::text
    WHEN t.typcategory = 'N' THEN CASE WHEN distinct_values THEN 2000000000 + n ELSE 1 END::text
    WHEN t.typcategory = 'B' THEN 'false'
    WHEN t.typcategory = 'D' THEN now()::text
    WHEN t.typcategory = 'T' THEN '1 day'
    WHEN t.typcategory = 'I' THEN '192.0.2.1'
    WHEN t.oid = 'uuid'::regtype THEN md5('insforge-probe-' || n)
    WHEN t.oid IN ('json'::regtype, 'jsonb'::regtype) THEN '{}'
    WHEN t.oid = 'bytea'::regtype THEN '\x00'
  END FROM pg_type t WHERE t.oid = type
$fn$;

-- Columns an insert must name, or that are named already, with what a value of them must satisfy.
CREATE FUNCTION insforge._probe_columns(tbl regclass, given jsonb)
RETURNS TABLE (
  name text, type oid, typmod integer, is_unique boolean, allowed text, parent regclass, parent_column text)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT a.attname::text, a.atttypid, a.atttypmod,
    -- Beside a column that numbers itself, another column of the same key need not differ.
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = tbl AND i.indisunique AND a.attnum = ANY (i.indkey::smallint[])
      AND NOT EXISTS (SELECT FROM pg_attribute k WHERE k.attrelid = tbl AND k.attnum = ANY (i.indkey::smallint[])
                      AND k.attnum <> a.attnum AND (k.atthasdef OR k.attidentity <> ''))),
    -- The first string in a check of this column alone: most such checks list what they allow.
    (SELECT replace((regexp_match(pg_get_constraintdef(c.oid), '''((?:[^'']|'''')+)''::'))[1], '''''', '''')
     FROM pg_constraint c WHERE c.conrelid = tbl AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum] LIMIT 1),
    f.confrelid::regclass, p.attname::text
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN LATERAL (SELECT c.confrelid, c.confkey[1] AS col FROM pg_constraint c
                     WHERE c.conrelid = tbl AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum] LIMIT 1) f ON true
  LEFT JOIN pg_attribute p ON p.attrelid = f.confrelid AND p.attnum = f.col
  WHERE a.attrelid = tbl AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    -- A default that calls a function of the database may be NULL for us: requesting_user_id() is.
    AND (given ? a.attname OR ((a.attnotnull OR t.typnotnull) AND a.attidentity = '' AND (NOT a.atthasdef OR EXISTS (
      SELECT FROM pg_attrdef d JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
        AND p.refclassid = 'pg_proc'::regclass
      WHERE d.adrelid = tbl AND d.adnum = a.attnum))))
  ORDER BY a.attnum
$fn$;

CREATE FUNCTION insforge._probe_insert_sql(tbl regclass, row_values jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT format('INSERT INTO %s AS t ', insforge._rls_name(tbl)) || CASE count(*) WHEN 0 THEN 'DEFAULT VALUES'
    ELSE format('(%s) VALUES (%s)', string_agg(format('%I', v.key), ', ' ORDER BY a.attnum),
                string_agg(format('%L::%s', v.value, format_type(a.atttypid, a.atttypmod)), ', '
                  ORDER BY a.attnum)) END
  FROM jsonb_each_text(row_values) v JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = v.key
$fn$;

-- Runs a statement as the application would: defaults and triggers see the caller's path.
CREATE FUNCTION insforge._probe_execute(statement text) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  value text;
BEGIN
  PERFORM set_config('search_path', current_setting('insforge_probe.search_path'), true);
  EXECUTE statement INTO value;
  RETURN value;
END $fn$;

-- Completes a row: given values first, then what a row in the table has, then something of the type. Rows
-- that foreign keys ask for are made on the way.
CREATE FUNCTION insforge._probe_row(tbl regclass, given jsonb, n integer, depth integer DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  full_row jsonb := given;
  c record;
  value text;
BEGIN
  FOR c IN SELECT * FROM insforge._probe_columns(tbl, given) LOOP
    value := given ->> c.name;
    IF value IS NULL AND NOT c.is_unique THEN
      EXECUTE format('SELECT t.%I::text FROM %s t WHERE t.%1$I IS NOT NULL LIMIT 1', c.name, insforge._rls_name(tbl))
        INTO value;
    END IF;
    IF c.parent IS NOT NULL THEN
      value := insforge._probe_parent(c.parent, c.parent_column, value, n, depth);
    END IF;
    value := coalesce(value, c.allowed, insforge._probe_literal(c.type, c.typmod, c.is_unique, n));
    IF value IS NULL THEN
      PERFORM insforge._rls_fail('22023', format('no value known for %s.%I', insforge._rls_name(tbl), c.name),
        format('Pass one: {"values": {"%s": "…"}}.', c.name));
    END IF;
    full_row := full_row || jsonb_build_object(c.name, value);
  END LOOP;
  RETURN full_row;
END $fn$;

-- A value of a referenced column: the one wanted, with its row made if it is missing, else any.
CREATE FUNCTION insforge._probe_parent(parent regclass, col text, wanted text, n integer, depth integer) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  value text;
BEGIN
  EXECUTE format('SELECT t.%I::text FROM %s t WHERE $1 IS NULL OR t.%1$I::text = $1 LIMIT 1', col,
    insforge._rls_name(parent)) INTO value USING wanted;
  IF value IS NOT NULL THEN
    RETURN value;
  ELSIF depth > 4 THEN
    PERFORM insforge._rls_fail('54001', format('foreign keys lead round in a circle at %s',
      insforge._rls_name(parent)), 'Pass the columns in option "values".');
  END IF;
  RETURN insforge._probe_execute(insforge._probe_insert_sql(parent, insforge._probe_row(parent,
      CASE WHEN wanted IS NULL THEN '{}' ELSE jsonb_build_object(col, wanted) END, n, depth + 1))
    || format(' RETURNING %I::text', col));
END $fn$;

-- Memberships of users that exist only here. It writes for a caller who may not, hence the fixed issuer and
-- the prefix: such a user can never sign in.
CREATE FUNCTION insforge._probe_join(user_id text, org_id text, role text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  IF coalesce(user_id, '') NOT LIKE 'insforge-probe-%' THEN
    RAISE insufficient_privilege USING MESSAGE = 'only users of insforge.access_matrix can join this way';
  END IF;
  INSERT INTO insforge.memberships (issuer, user_id, org_id, role) VALUES ('insforge-probe', $1, $2, $3);
END $fn$;
