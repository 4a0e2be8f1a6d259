-- Small things every part of the generator uses.

-- One statement of a plan. ddl is NULL in a note: something to know, nothing to run.
CREATE TYPE insforge._rls_step AS (kind text, ddl text, reason text);

CREATE FUNCTION insforge._rls_do(kind text, ddl text, reason text) RETURNS insforge._rls_step
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT kind, ddl, reason $fn$;

CREATE FUNCTION insforge._rls_fail(code text, message text, hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  IF hint IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message;
  END IF;
  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
END $fn$;

CREATE FUNCTION insforge._rls_name(relation oid) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$fn$;

-- A name of at most 63 bytes that stays different for different inputs.
CREATE FUNCTION insforge._rls_fit(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE WHEN octet_length(name) <= 63 THEN name
    -- Cut by characters until the bytes fit: 54 bytes, an underscore, 8 digits.
    ELSE (SELECT left(name, n) FROM generate_series(54, 1, -1) n
          WHERE octet_length(left(name, n)) <= 54 LIMIT 1) || '_' || left(md5(name), 8) END
$fn$;

CREATE FUNCTION insforge._rls_texts(list jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE WHEN jsonb_typeof(list) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(list)) END
$fn$;

CREATE FUNCTION insforge._rls_names(list text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT string_agg(format('%I', item), ', ' ORDER BY at) FROM unnest(list) WITH ORDINALITY AS u(item, at) $fn$;

-- Catching an error starts a subtransaction, which parallel queries may not: this function makes most of
-- the generator PARALLEL UNSAFE.
--
-- What makes an object ours is its comment, not its name. A comment goes with the table through renames,
-- dumps and restores of that one table, which rows in a table of the extension would not.
CREATE FUNCTION insforge._rls_mark(comment text) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  IF comment NOT LIKE 'insforge:%' THEN
    RETURN NULL;
  END IF;
  RETURN split_part(comment, E'\n', 2)::jsonb;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;  -- edited by hand: no longer ours
END $fn$;

CREATE FUNCTION insforge._rls_managed(tbl regclass)
RETURNS TABLE (policy oid, name text, state jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT p.oid, p.polname::text, m.state
  FROM pg_policy p, LATERAL insforge._rls_mark(obj_description(p.oid, 'pg_policy')) AS m(state)
  WHERE p.polrelid = tbl AND m.state IS NOT NULL
$fn$;

-- The policy as Postgres holds it: tells whether somebody altered it since we made it.
CREATE FUNCTION insforge._rls_seal(policy oid) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT md5(concat_ws('|', p.polcmd, p.polpermissive,
    (SELECT string_agg(coalesce(r.rolname, 'PUBLIC'), ',' ORDER BY r.rolname)
     FROM unnest(p.polroles) AS u(id) LEFT JOIN pg_roles r ON r.oid = u.id),
    coalesce(pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')))
  FROM pg_policy p WHERE p.oid = policy
$fn$;
