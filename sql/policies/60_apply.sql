-- Plans carried out. Both functions run with the caller's rights: who may not do it by hand may not do it
-- through them.

CREATE FUNCTION insforge._rls_run(step integer, s insforge._rls_step) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  code text; message text; hint text; detail text;
BEGIN
  EXECUTE s.ddl;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT,
    detail = PG_EXCEPTION_DETAIL;
  RAISE EXCEPTION USING ERRCODE = code,
    MESSAGE = format('step %s (%s): %s', step, s.kind, message), DETAIL = concat_ws(E'\n', s.ddl, nullif(detail, '')),
    HINT = coalesce(CASE code
      WHEN '23502' THEN 'Fill the rows where it is NULL, or pass {"not_null": false}.'
      WHEN '42501' THEN 'Run it as a role that may do this; nothing was changed.' END, nullif(hint, ''),
        'Nothing was changed.');
END $fn$;

-- Only now do the policies exist in the form in which Postgres keeps them.
CREATE FUNCTION insforge._rls_seal_all(tbl regclass) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  m record;
BEGIN
  FOR m IN SELECT g.name, obj_description(g.policy, 'pg_policy') AS comment, g.state,
    insforge._rls_seal(g.policy) AS seal
           FROM insforge._rls_managed(tbl) g LOOP
    CONTINUE WHEN m.state ? 'seal';
    EXECUTE format('COMMENT ON POLICY %I ON %s IS %L', m.name, insforge._rls_name(tbl),
      split_part(m.comment, E'\n', 1) || E'\n' || (m.state || jsonb_build_object('seal', m.seal)));
  END LOOP;
END $fn$;

CREATE FUNCTION insforge._rls_apply(tbl regclass, without text, fresh jsonb)
RETURNS TABLE (step integer, kind text, ddl text, reason text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  specs CONSTANT jsonb := insforge._rls_wanted(tbl, without, fresh);
  steps CONSTANT insforge._rls_step[] := ARRAY(SELECT p FROM insforge._rls_plan(tbl, specs) p);
  at integer := 0;
  s insforge._rls_step;
BEGIN
  FOREACH s IN ARRAY steps LOOP
    at := at + 1;
    IF s.ddl IS NOT NULL THEN
      PERFORM insforge._rls_run(at, s);
    END IF;
    RETURN QUERY SELECT at, s.kind, s.ddl, s.reason;
  END LOOP;
  PERFORM insforge._rls_seal_all(tbl);
  -- A GRANT or REVOKE that had no effect is a warning to Postgres, and an open table to us.
  SELECT p.* INTO s FROM insforge._rls_plan(tbl, insforge._rls_wanted(tbl, without, fresh)) p
    WHERE p.ddl IS NOT NULL LIMIT 1;
  IF FOUND THEN
    PERFORM insforge._rls_fail('42501', format('a statement had no effect: %s', s.ddl),
      'A privilege that another role granted can only be revoked by that role. Nothing was changed.');
  END IF;
END $fn$;

-- One call at a time per table, so that the second finds the work of the first.
CREATE FUNCTION insforge._rls_serialize(tbl regclass) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT pg_advisory_xact_lock(hashtextextended('insforge.create_policies', tbl::oid::bigint)) $fn$;

CREATE FUNCTION insforge.create_policies(tbl regclass, template text, options jsonb DEFAULT '{}')
RETURNS TABLE (step integer, kind text, ddl text, reason text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  fresh jsonb;
BEGIN
  PERFORM insforge._rls_check_relation(tbl);
  PERFORM insforge._rls_serialize(tbl);
  fresh := insforge._rls_spec(tbl, template, options);
  IF NOT coalesce((fresh ->> 'platform')::boolean, false) THEN
    -- A platform may let others than the owner manage policies on its own tables.
    PERFORM insforge._rls_check_owner(tbl);
  END IF;
  RETURN QUERY SELECT * FROM insforge._rls_apply(tbl, fresh ->> 'slot', fresh);
END $fn$;
COMMENT ON FUNCTION insforge.create_policies(regclass, text, jsonb) IS
'Protects a table: carries out insforge.plan_policies in the caller''s transaction and returns the steps taken.
Again with the same options it changes nothing; other options, or another template for the same slot, replace
what was there. VOLATILE, PARALLEL UNSAFE, with the caller''s own rights. Errors: those of plan_policies,
42501 unless the caller owns the table, and whatever a statement raises, with the statement in DETAIL; the
table is then as it was. Execute: owner and developers.';

CREATE FUNCTION insforge.drop_policies(tbl regclass, slot text DEFAULT NULL)
RETURNS TABLE (step integer, kind text, ddl text, reason text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  one text;
BEGIN
  PERFORM insforge._rls_check_relation(tbl);
  PERFORM insforge._rls_serialize(tbl);
  IF slot IS NOT NULL AND NOT EXISTS (SELECT FROM insforge._rls_present(tbl) p WHERE p.slot = drop_policies.slot) THEN
    PERFORM insforge._rls_fail('22023', format('%s has no policies of ours in slot "%s"', insforge._rls_name(tbl),
      slot),
      (SELECT 'Slots: ' || coalesce(string_agg(p.slot, ', '), 'none') FROM insforge._rls_present(tbl) p));
  END IF;
  RETURN QUERY SELECT * FROM insforge._rls_apply(tbl, coalesce(slot, '*'), NULL);
END $fn$;
COMMENT ON FUNCTION insforge.drop_policies(regclass, text) IS
'Removes what insforge.create_policies made, and nothing else: policies, index, triggers, helper functions;
NOT NULL, defaults, privileges and the row-level security switch as they were. Slot NULL: everything; a table
without policies of ours: no rows. A column that was mended to text stays text. VOLATILE, PARALLEL UNSAFE,
with the caller''s own rights. Errors: 22004 a NULL table, 22023 no such slot, 42P01, 42809 as for
plan_policies, 42501 unless the caller owns the table. Execute: owner and developers.';
