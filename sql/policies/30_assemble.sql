-- From a template and its options to a checked specification.

CREATE FUNCTION insforge._rls_spec(tbl regclass, template text, options jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  o jsonb := insforge._rls_options(template, options);
  col record;
  spec jsonb;
BEGIN
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

-- Specifications of what is already on the table, one per slot.
CREATE FUNCTION insforge._rls_present(tbl regclass) RETURNS TABLE (slot text, template text, options jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT DISTINCT ON (m.state ->> 'slot') m.state ->> 'slot', m.state ->> 'template', m.state -> 'options'
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

-- What earlier calls changed around the policies, to be undone with the last of them:
--   acl, parts       privileges as they were, of the table and of its partitions, once narrowed is true
--   roles            the roles these privileges were narrowed for
--   added            privileges granted where nothing was narrowed
--   rls, force       switched on by us; others: policies of other people that were there then
--   not_null, default, usage, sequences, helpers
CREATE FUNCTION insforge._rls_memory(tbl regclass) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT coalesce((SELECT m.state -> 'table' FROM insforge._rls_managed(tbl) m
                   WHERE jsonb_typeof(m.state -> 'table') = 'object' ORDER BY m.policy LIMIT 1), '{}')
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
