-- Triggers that keep columns, and rows, as they are. They only ever refuse.

CREATE FUNCTION insforge.refuse_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  -- Whoever the policies do not bind, the owner or a server key, may move rows. On a partition the
  -- policies are those of the table it is part of.
  IF NOT EXISTS (SELECT FROM (SELECT TG_RELID UNION SELECT relid FROM pg_partition_ancestors(TG_RELID)) AS t(relation)
                 WHERE row_security_active(t.relation)) THEN
    RETURN NEW;
  END IF;
  RAISE insufficient_privilege USING MESSAGE = format('%s of %I.%I cannot be changed',
    array_to_string(TG_ARGV, ', '), TG_TABLE_SCHEMA, TG_TABLE_NAME),
    HINT = 'They say whose row it is.';
END $fn$;
COMMENT ON FUNCTION insforge.refuse_change() IS
'Trigger of create_policies (option immutable): refuses an update that changes the columns it is made for,
42501, to those whom row-level security binds. VOLATILE, PARALLEL UNSAFE. Execute: developers.';

CREATE FUNCTION insforge.refuse_removal() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  RAISE insufficient_privilege USING MESSAGE = format('%I.%I is append-only: %s refused', TG_TABLE_SCHEMA,
    TG_TABLE_NAME, TG_OP),
    HINT = 'Its owner can ALTER TABLE … DISABLE TRIGGER insforge_append_only for maintenance.';
END $fn$;
COMMENT ON FUNCTION insforge.refuse_removal() IS
'Trigger of template append_only: refuses UPDATE, DELETE and TRUNCATE to everybody, 42501. VOLATILE, PARALLEL
UNSAFE. Execute: developers.';

CREATE FUNCTION insforge._rls_wanted_triggers(tbl regclass, specs jsonb) RETURNS TABLE (name text, call text,
  ddl text, why text)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH kept AS (
    SELECT array_agg(DISTINCT k ORDER BY k) AS columns
    FROM jsonb_array_elements(specs) s, jsonb_array_elements_text(s -> 'keep' -> 'columns') k
      WHERE s -> 'keep' ->> 'method' = 'trigger'
  ), guard AS (SELECT bool_or((s ->> 'guard')::boolean) AS wanted FROM jsonb_array_elements(specs) s)
  SELECT t.name, t.call, format('CREATE TRIGGER %I %s EXECUTE FUNCTION %s', t.name,
    format(t.event, insforge._rls_name(tbl)), t.call), t.why
  FROM kept, guard, LATERAL (VALUES
    ('insforge_keep_columns',
     (SELECT format('insforge.refuse_change(%s)', string_agg(quote_literal(k), ', ')) FROM unnest(columns) k),
     -- The column names may hold a percent sign, and the text goes through format once more.
     (SELECT 'BEFORE UPDATE ON %s FOR EACH ROW WHEN ('
        || string_agg(replace(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', k), '%', '%%'), ' OR ') || ')'
          FROM unnest(columns) k),
     'a policy cannot see the old row: without it a row could be moved to another owner', columns IS NOT NULL),
    ('insforge_append_only', 'insforge.refuse_removal()', 'BEFORE UPDATE OR DELETE ON %s FOR EACH ROW',
     'rows stay as they were written, for everybody', wanted),
    ('insforge_append_only_truncate', 'insforge.refuse_removal()', 'BEFORE TRUNCATE ON %s FOR EACH STATEMENT',
     'TRUNCATE asks neither policies nor row triggers', wanted)) AS t(name, call, event, why, needed)
  WHERE t.needed
$fn$;

CREATE FUNCTION insforge._rls_trigger_steps(tbl regclass, specs jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  t record;
BEGIN
  FOR t IN
    SELECT coalesce(w.name, a.tgname::text) AS name, w.ddl, w.why, w.call, a.oid,
      a.tgfoid = ANY (ARRAY['insforge.refuse_change'::regproc, 'insforge.refuse_removal'::regproc]::oid[]) AS ours,
      -- The columns after WHEN follow renames; the arguments, which name them, do not.
      a.tgenabled <> 'D' AND right(pg_get_triggerdef(a.oid), length(w.call)) = w.call AS same
    FROM insforge._rls_wanted_triggers(tbl, specs) w
    FULL JOIN (SELECT * FROM pg_trigger g WHERE g.tgrelid = tbl AND g.tgname LIKE 'insforge\_%') a
      ON a.tgname = w.name
  LOOP
    IF t.call IS NOT NULL AND t.oid IS NOT NULL AND NOT t.ours THEN
      PERFORM insforge._rls_fail('42710', format('%s has a trigger %I that we did not make', insforge._rls_name(tbl),
        t.name),
        format('ALTER TRIGGER %I ON %s RENAME TO …;', t.name, insforge._rls_name(tbl)));
    END IF;
    IF t.ours AND t.same IS NOT TRUE THEN
      RETURN NEXT insforge._rls_do('trigger', format('DROP TRIGGER %I ON %s', t.name, insforge._rls_name(tbl)),
        'it was ours and is no longer wanted as it is');
    END IF;
    IF t.call IS NOT NULL AND (t.oid IS NULL OR t.same IS NOT TRUE) THEN
      RETURN NEXT insforge._rls_do('trigger', t.ddl, t.why);
    END IF;
  END LOOP;
END $fn$;
