-- From a template and its options to a checked specification.

CREATE FUNCTION insforge._rls_check_bound(tbl regclass, o jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  owner text := (SELECT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = tbl);
BEGIN
  IF (o -> 'to' ? owner OR coalesce(o -> 'public_to' ? owner, false)) AND NOT (o ->> 'force')::boolean THEN
    PERFORM insforge._rls_fail('22023', format('%I owns %s, and policies do not bind an owner', owner,
      insforge._rls_name(tbl)), 'Pass {"force": true} to bind it, or let requests run as another role.');
  END IF;
END $fn$;

CREATE FUNCTION insforge._rls_spec(tbl regclass, template text, options jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  o jsonb := insforge._rls_options(template, options);
  col record;
  spec jsonb;
BEGIN
  PERFORM insforge._rls_check_bound(tbl, o);
  -- Columns that the options name come first: a template may rely on them.
  FOR col IN SELECT k.option FROM insforge._rls_known_options(template) k WHERE k.kind = 'column'
    AND o ? k.option LOOP
    PERFORM insforge._rls_check_column(tbl, o ->> col.option, col.option);
  END LOOP;
  EXECUTE format('SELECT insforge.%I($1, $2)', '_rls_template_' || template) INTO spec USING tbl, o;
  FOR col IN SELECT c ->> 'name' AS name, (c ->> 'id')::boolean AS id
    FROM jsonb_array_elements(spec -> 'columns') c LOOP
    CONTINUE WHEN NOT col.id;
    PERFORM insforge._rls_check_id_column(tbl, col.name, (o ->> 'mend')::boolean);
  END LOOP;
  IF NOT (o ->> 'grants')::boolean THEN
    spec := spec || '{"grants": {}, "narrow": false}';
  END IF;
  IF NOT (o ->> 'index')::boolean THEN
    spec := spec || '{"index": []}';
  END IF;
  RETURN spec || jsonb_build_object('template', template, 'options', jsonb_strip_nulls(options),
    'to', o -> 'to', 'force', o -> 'force', 'mend', o -> 'mend');
END $fn$;

-- Specifications of what is already on the table, one per slot. To mend is asked for anew each time: it
-- rewrites the table, for whoever calls, and what is read here the table's owner can write.
CREATE FUNCTION insforge._rls_present(tbl regclass) RETURNS TABLE (slot text, template text, options jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT DISTINCT ON (m.state ->> 'slot') m.state ->> 'slot', m.state ->> 'template', (m.state -> 'options') - 'mend'
  FROM insforge._rls_managed(tbl) m ORDER BY m.state ->> 'slot', m.policy
$fn$;

-- All specifications the table shall have: those present, without one slot (*: without any), and a new one.
CREATE FUNCTION insforge._rls_wanted(tbl regclass, without text, fresh jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT coalesce(jsonb_agg(insforge._rls_spec(tbl, p.template, p.options) ORDER BY p.slot), '[]')
         || CASE WHEN fresh IS NULL THEN '[]' ELSE jsonb_build_array(fresh) END
  FROM insforge._rls_present(tbl) p WHERE without <> '*' AND p.slot <> without
$fn$;

-- Distinct elements of one member of all specifications.
CREATE FUNCTION insforge._rls_all(specs jsonb, member text) RETURNS SETOF jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT e.item FROM jsonb_array_elements(specs) WITH ORDINALITY AS s(spec, nr),
    jsonb_array_elements(s.spec -> member) WITH ORDINALITY AS e(item, at)
  WHERE jsonb_typeof(s.spec -> member) = 'array'
  GROUP BY e.item ORDER BY min(ARRAY[s.nr, e.at])
$fn$;

-- What earlier calls changed around the policies, to be undone with the last of them:
--   acl, parts       privileges as they were, of the table and of its partitions, once narrowed is true
--   roles            the roles these privileges were narrowed for
--   added            privileges granted where nothing was narrowed
--   rls, force       switched on by us; others: policies of other people that were there then
--   not_null, default, usage, sequences, helpers
-- One privilege is a JSON array: [role or null for PUBLIC, privilege, column or null for the table, grant
-- option].
--
-- It is read from a comment, which the table's owner can write, and carried out by whoever calls: a
-- superuser, perhaps. So only what is about this table, and in the form that we write, is taken from it.

CREATE FUNCTION insforge._rls_clean_privileges(found jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT coalesce(jsonb_agg(p ORDER BY at), '[]')
  FROM jsonb_array_elements(CASE jsonb_typeof(found) WHEN 'array' THEN found ELSE '[]' END)
    WITH ORDINALITY AS e(p, at)
  WHERE jsonb_typeof(p) = 'array' AND jsonb_typeof(p -> 0) IN ('string', 'null') AND jsonb_typeof(p -> 3) = 'boolean'
    AND p ->> 1 IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN')
$fn$;

CREATE FUNCTION insforge._rls_partitions(tbl regclass) RETURNS SETOF oid
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT t.relid::oid FROM pg_partition_tree(tbl) t WHERE t.relid <> tbl $fn$;

-- Sequences that defaults of the table draw from. Anybody can name another's in a default: those are for
-- their owner to grant.
CREATE FUNCTION insforge._rls_sequences(tbl regclass) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT insforge._rls_name(s.oid) FROM pg_attrdef d
  JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
  JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S' JOIN pg_class c ON c.oid = d.adrelid
  WHERE d.adrelid = tbl AND pg_has_role(c.relowner, s.relowner, 'USAGE')
$fn$;

-- Helpers that bear our mark and that the table's owner could drop by hand.
CREATE FUNCTION insforge._rls_own_helpers(tbl regclass, found jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT coalesce(jsonb_agg(p.oid::regprocedure::text), '[]')
  FROM jsonb_array_elements_text(CASE jsonb_typeof(found) WHEN 'array' THEN found ELSE '[]' END) f
  JOIN pg_proc p ON p.oid = to_regprocedure(f) JOIN pg_class c ON c.oid = tbl
  WHERE insforge._rls_mark(obj_description(p.oid, 'pg_proc')) IS NOT NULL
    AND pg_has_role(c.relowner, p.proowner, 'USAGE')
$fn$;

CREATE FUNCTION insforge._rls_memory(tbl regclass) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH found AS (
    SELECT m.state -> 'table' AS t FROM insforge._rls_managed(tbl) m
    WHERE jsonb_typeof(m.state -> 'table') = 'object' ORDER BY m.policy LIMIT 1
  ), acl AS (SELECT insforge._rls_clean_privileges(t -> 'acl') AS acl FROM found)
  SELECT CASE WHEN t IS NULL THEN '{}'::jsonb ELSE (t - '{acl,parts,added,usage,sequences,helpers}'::text[])
    || CASE WHEN t ? 'added' THEN jsonb_build_object('added', insforge._rls_clean_privileges(t -> 'added'))
       ELSE '{}' END
    || jsonb_build_object('acl', acl,
      -- A partition without a list of its own had the privileges of the whole.
      'parts', (SELECT coalesce(jsonb_object_agg(p.name, CASE jsonb_typeof(t -> 'parts' -> p.name)
                  WHEN 'null' THEN acl ELSE insforge._rls_clean_privileges(t -> 'parts' -> p.name) END), '{}')
                FROM (SELECT insforge._rls_name(id) AS name FROM insforge._rls_partitions(tbl) id) p
                WHERE t -> 'parts' ? p.name),
      'usage', (SELECT coalesce(jsonb_agg(u), '[]') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
                  jsonb_path_query(t, '$.usage[*]') u WHERE c.oid = tbl AND u ->> 0 = n.nspname),
      'sequences', (SELECT coalesce(jsonb_agg(s), '[]') FROM jsonb_path_query(t, '$.sequences[*]') s
                    WHERE s ->> 0 IN (SELECT insforge._rls_sequences(tbl))),
      'helpers', insforge._rls_own_helpers(tbl, t -> 'helpers')) END
  FROM (SELECT 1) AS always LEFT JOIN found ON true LEFT JOIN acl ON true
$fn$;
