-- Which relations and columns policies can be put on.

CREATE FUNCTION insforge._rls_check_relation(tbl regclass) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  rel record;
  refuse CONSTANT text := '42809';
BEGIN
  IF tbl IS NULL THEN
    PERFORM insforge._rls_fail('22004', 'the table must not be NULL',
      'Pass its name, for instance ''public.notes''.');
  END IF;
  SELECT c.oid, c.relkind, c.relispartition, n.nspname, insforge._rls_name(c.oid) AS name INTO rel
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = tbl;
  IF NOT FOUND THEN
    PERFORM insforge._rls_fail('42P01', format('there is no table with OID %s', tbl::oid));
  ELSIF rel.relkind = 'v' THEN
    PERFORM insforge._rls_fail(refuse, format('%s is a view, and policies act on tables', rel.name),
      format('Protect the tables it reads, then ALTER VIEW %s SET (security_invoker = true);', rel.name)
      || ' without that it reads them as its owner.');
  ELSIF rel.relkind = 'm' THEN
    PERFORM insforge._rls_fail(refuse,
      format('%s is a materialized view: it holds rows of its own that no policy filters', rel.name),
      format('REVOKE ALL ON %s FROM anon, authenticated; and serve a view with security_invoker instead.', rel.name));
  ELSIF rel.relkind = 'f' THEN
    PERFORM insforge._rls_fail(refuse,
      format('%s is a foreign table: Postgres has no row-level security for it', rel.name),
      format('REVOKE ALL ON %s FROM anon, authenticated; and put the policies on the remote server.', rel.name));
  ELSIF rel.relkind NOT IN ('r', 'p') THEN
    PERFORM insforge._rls_fail(refuse, format('%s is not a table', rel.name), 'Name a table or a partitioned table.');
  ELSIF rel.relispartition THEN
    PERFORM insforge._rls_fail(refuse,
      format('%s is a partition: policies act on the table that a query names', rel.name),
      format('Put them on %s; its partitions are then closed to direct access.',
        insforge._rls_name(pg_partition_root(tbl))));
  ELSIF rel.nspname IN ('pg_catalog', 'information_schema', 'pg_toast', 'insforge', 'x402')
     OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = tbl
       AND d.deptype = 'e') THEN
    PERFORM insforge._rls_fail(refuse, format('%s belongs to Postgres or to an extension', rel.name),
      'Name a table of your own.');
  END IF;
END $fn$;

CREATE FUNCTION insforge._rls_check_owner(tbl regclass) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  owner oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = tbl);
BEGIN
  IF NOT pg_has_role(owner, 'USAGE') THEN
    PERFORM insforge._rls_fail('42501', format('%s is not the owner of %s', current_user, insforge._rls_name(tbl)),
      format('Run it as %s.', owner::regrole));
  END IF;
END $fn$;

CREATE FUNCTION insforge._rls_check_column(tbl regclass, col text, option text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = tbl AND a.attname = col AND a.attnum > 0
    AND NOT a.attisdropped) THEN
    RETURN;
  END IF;
  PERFORM insforge._rls_fail('42703', format('%s has no column "%s"', insforge._rls_name(tbl), col),
    format('Name it in option "%s". Its columns: %s.', option,
      (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a
       WHERE a.attrelid = tbl AND a.attnum > 0 AND NOT a.attisdropped)));
END $fn$;

CREATE FUNCTION insforge._rls_default_is_uid(tbl regclass, col text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT EXISTS (
    SELECT FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_proc'::regclass
    WHERE d.adrelid = tbl AND a.attname = col AND p.refobjid = to_regprocedure('auth.uid()'))
$fn$;

-- The statements that turn a uuid id column into text: foreign keys on it would no longer fit.
CREATE FUNCTION insforge._rls_mend(tbl regclass, col text) RETURNS SETOF insforge._rls_step
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'mend', format('ALTER TABLE %s DROP CONSTRAINT %I', insforge._rls_name(tbl), c.conname),
    format('it ties %I to %s, whose ids are uuid; this is not undone by drop_policies', col,
      insforge._rls_name(c.confrelid))
  FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = tbl AND a.attname = col AND a.attnum = ANY (c.conkey)
  WHERE c.conrelid = tbl AND c.contype = 'f' AND a.atttypid = 'uuid'::regtype AND c.conparentid = 0
  UNION ALL
  SELECT 'mend', format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', insforge._rls_name(tbl), col),
    'it calls auth.uid(), which raises 22P02 for an id that is not a uuid; this is not undone by drop_policies'
  WHERE insforge._rls_default_is_uid(tbl, col)
  UNION ALL
  SELECT 'mend', format('ALTER TABLE %s ALTER COLUMN %I TYPE text USING %2$I::text', insforge._rls_name(tbl), col),
    'ids of identity providers are strings; this is not undone by drop_policies'
  FROM pg_attribute a WHERE a.attrelid = tbl AND a.attname = col AND a.atttypid = 'uuid'::regtype
$fn$;

-- Equality must mean the same bytes, or one user could stand for another.
CREATE FUNCTION insforge._rls_check_id_column(tbl regclass, col text, mend boolean) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  att record;
  blockers text;
BEGIN
  SELECT a.atttypid, coalesce(nullif(t.typbasetype, 0), t.oid) AS base, coalesce(l.collisdeterministic, true) AS exact
    INTO att
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
  WHERE a.attrelid = tbl AND a.attname = col;
  IF att.base = 'uuid'::regtype THEN
    SELECT string_agg(DISTINCT format('DROP POLICY %I ON %s;', p.polname, insforge._rls_name(tbl)), ' ') INTO blockers
    FROM pg_policy p JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
    JOIN pg_attribute a ON a.attrelid = tbl AND a.attnum = d.refobjsubid AND a.attname = col
    WHERE p.polrelid = tbl AND d.refclassid = 'pg_class'::regclass AND d.refobjid = tbl
      AND insforge._rls_mark(obj_description(p.oid, 'pg_policy')) IS NULL;
    IF NOT mend OR att.base <> att.atttypid THEN
      PERFORM insforge._rls_fail('42804', format('%s.%I is uuid, and ids of identity providers are strings',
        insforge._rls_name(tbl), col),
        coalesce((SELECT string_agg(m.ddl || ';', ' ') FROM insforge._rls_mend(tbl, col) m),
          'Change its type to text.')
        || ' Or pass {"mend": true} to have it done.');
    ELSIF blockers IS NOT NULL THEN
      PERFORM insforge._rls_fail('2BP01',
        format('policies that we did not make use %s.%I, so its type cannot change', insforge._rls_name(tbl), col),
        blockers || ' Then try again.');
    END IF;
  ELSIF att.base NOT IN ('text'::regtype, 'varchar'::regtype) THEN
    PERFORM insforge._rls_fail('42804', format('%s.%I is %s, and ids are compared as text', insforge._rls_name(tbl),
      col, format_type(att.atttypid, NULL)),
      format('ALTER TABLE %s ALTER COLUMN %I TYPE text;', insforge._rls_name(tbl), col));
  ELSIF NOT att.exact THEN
    PERFORM insforge._rls_fail('42P22', format('%s.%I has a collation for which different ids are equal',
      insforge._rls_name(tbl), col),
      format('ALTER TABLE %s ALTER COLUMN %I TYPE text COLLATE "C";', insforge._rls_name(tbl), col));
  END IF;
END $fn$;
