-- Fills the placeholders of values and settings.
CREATE FUNCTION insforge._probe_fill(template jsonb, whose text, actor text, n integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT coalesce(jsonb_object_agg(e.key, replace(replace(replace(replace(e.value, '{user}',
    coalesce(whose, 'nobody')),
    '{actor}', coalesce(actor, 'nobody')), '{org}', 'insforge-probe-org'), '{n}', n::text)), '{}')
      FROM jsonb_each_text(template) e
$fn$;

-- The values that say whose row it is.
CREATE FUNCTION insforge._probe_given(hints jsonb, whose text, actor text, n integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE WHEN hints ? 'owner' THEN jsonb_build_object(hints ->> 'owner', whose) ELSE '{}' END
    || CASE WHEN hints ? 'org' THEN jsonb_build_object(hints ->> 'org', 'insforge-probe-org') ELSE '{}' END
    || insforge._probe_fill(hints -> 'values', whose, actor, n)
$fn$;

-- Makes the row that everybody tries to reach; returns the condition that finds it.
CREATE FUNCTION insforge._probe_target(tbl regclass, hints jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  given CONSTANT jsonb := insforge._probe_given(hints, 'insforge-probe-owner', 'insforge-probe-owner', 0)
    || coalesce(hints -> 'target', '{}');
  keys text := (SELECT string_agg(format('%L, t.%I::text', a.attname, a.attname), ', ') FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = tbl AND a.attnum = ANY (i.indkey::smallint[])
    WHERE i.indrelid = tbl AND i.indisprimary);
  place jsonb;
BEGIN
  keys := format('pg_catalog.jsonb_build_object(%s)',
    coalesce(keys, '''tableoid'', t.tableoid::text, ''ctid'', t.ctid::text'));
  IF hints ? 'find' THEN
    EXECUTE format('SELECT %s FROM %s t WHERE t.%I = %L', keys, insforge._rls_name(tbl), hints ->> 'find',
      given ->> (hints ->> 'find')) INTO place;
  END IF;
  IF place IS NULL THEN
    place := insforge._probe_execute(insforge._probe_insert_sql(tbl, insforge._probe_row(tbl, given, 0))
      || ' RETURNING ' || keys);
  END IF;
  RETURN (SELECT string_agg(format('t.%I = %L', e.key, e.value), ' AND ') FROM jsonb_each_text(place) e);
END $fn$;

-- For a table of shares: a row of the owner's that can be shared.
CREATE FUNCTION insforge._probe_list(tbl regclass, hints jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  l CONSTANT jsonb := hints -> 'list';
  target regclass;
  shared_key text;
BEGIN
  IF l IS NULL THEN
    RETURN hints;
  END IF;
  target := insforge._rls_other_table(l ->> 'of', 'of');
  shared_key := insforge._probe_execute(insforge._probe_insert_sql(target, insforge._probe_row(target,
    jsonb_build_object(l ->> 'of_column', 'insforge-probe-owner'), 902)) || format(' RETURNING %I::text', l ->> 'of_key'));
  RETURN hints || jsonb_build_object('values',
    (hints -> 'values') || jsonb_build_object(insforge._rls_share_column(tbl, target, l ->> 'acl_key'), shared_key));
END $fn$;

-- Shares the row with the viewer and the editor.
CREATE FUNCTION insforge._probe_share(tbl regclass, hints jsonb, target text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  s CONSTANT jsonb := hints -> 'share';
  acl regclass;
  shared_key text;
  who text;
  given jsonb;
BEGIN
  IF s IS NULL THEN
    RETURN;
  END IF;
  acl := insforge._rls_other_table(s ->> 'acl', 'acl');
  EXECUTE format('SELECT t.%I::text FROM %s t WHERE %s', s ->> 'key', insforge._rls_name(tbl), target)
    INTO shared_key;
  FOREACH who IN ARRAY '{viewer,editor}'::text[] LOOP
    given := jsonb_build_object(insforge._rls_share_column(acl, tbl, s ->> 'acl_key'), shared_key, s ->> 'acl_user',
      'insforge-probe-' || who)
      || CASE WHEN s ? 'acl_level' THEN jsonb_build_object(s ->> 'acl_level', CASE who WHEN 'editor'
        THEN s -> 'edit_levels' ->> 0 ELSE 'viewer' END) ELSE '{}' END;
    PERFORM insforge._probe_execute(insforge._probe_insert_sql(acl,
      insforge._probe_row(acl, given, CASE who WHEN 'viewer' THEN 900 ELSE 901 END)) || ' RETURNING NULL');
  END LOOP;
END $fn$;

-- A column whose change means nothing: not a key, and one the role may update where there is such a one.
CREATE FUNCTION insforge._probe_plain_column(tbl regclass, hints jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT a.attname::text FROM pg_attribute a
  WHERE a.attrelid = tbl AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
  ORDER BY coalesce(a.attname IN (hints ->> 'owner', hints ->> 'org'), false),
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = tbl AND i.indisprimary
      AND a.attnum = ANY (i.indkey::smallint[])),
    NOT has_column_privilege(hints ->> 'role', tbl, a.attnum, 'UPDATE'), a.attnum
  LIMIT 1
$fn$;

-- The statements one actor tries. Rows to insert are complete, so that nothing but rights can stop them.
CREATE FUNCTION insforge._probe_attempts(tbl regclass, hints jsonb, target text, id text, n integer)
RETURNS TABLE (command text, statement text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  name CONSTANT text := insforge._rls_name(tbl);
  stranger CONSTANT text := 'insforge-probe-stranger';
  -- Who has no id claims a stranger's: an attacker would.
  mine CONSTANT jsonb := insforge._probe_given(hints, coalesce(id, stranger), id, n);
  theirs CONSTANT jsonb := insforge._probe_given(hints, stranger, id, n + 1);
  -- The owner gives the row away, others take it.
  taker CONSTANT text := CASE WHEN id = 'insforge-probe-owner' OR id IS NULL THEN stranger ELSE id END;
BEGIN
  RETURN QUERY VALUES ('select', format('SELECT FROM %s t WHERE %s', name, target)),
    ('insert', insforge._probe_insert_sql(tbl, insforge._probe_row(tbl, mine, n)));
  IF id IS NOT NULL AND mine - 'x' <> insforge._probe_given(hints, stranger, id, n) THEN
    RETURN QUERY VALUES ('insert_for_other', insforge._probe_insert_sql(tbl,
      insforge._probe_row(tbl, theirs, n + 1)));
  END IF;
  RETURN QUERY VALUES ('update', format('UPDATE %s t SET %I = t.%2$I WHERE %s', name,
    insforge._probe_plain_column(tbl, hints), target));
  IF hints ? 'owner' THEN
    PERFORM insforge._probe_row(tbl, insforge._probe_given(hints, taker, id, n + 2),
      n + 2);  -- the row its foreign key asks for
    RETURN QUERY VALUES ('update_owner', format('UPDATE %s t SET %I = %L WHERE %s', name, hints ->> 'owner', taker,
      target));
  END IF;
  IF hints ? 'org' THEN
    PERFORM insforge._probe_row(tbl, mine || jsonb_build_object(hints ->> 'org', 'insforge-probe-elsewhere'), n + 3);
    RETURN QUERY VALUES ('update_org', format('UPDATE %s t SET %I = %L WHERE %s', name, hints ->> 'org',
      'insforge-probe-elsewhere', target));
  END IF;
  RETURN QUERY VALUES ('delete', format('DELETE FROM %s t WHERE %s', name, target));
END $fn$;

-- Runs one statement as somebody and takes it back.
CREATE FUNCTION insforge._probe_try(statement text, role text, id text, settings jsonb, OUT outcome text,
  OUT detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  affected bigint;
BEGIN
  PERFORM set_config(s.key, s.value, true) FROM jsonb_each_text(settings) s;
  PERFORM set_config('search_path', current_setting('insforge_probe.search_path'), true);
  PERFORM set_config('row_security', 'on', true);  -- off would turn every filtered query into an error
  PERFORM insforge.impersonate(id, role);
  EXECUTE statement;
  GET DIAGNOSTICS affected = ROW_COUNT;
  RAISE EXCEPTION USING ERRCODE = 'IFP00';
EXCEPTION
  WHEN SQLSTATE 'IFP00' THEN
    outcome := CASE WHEN affected > 0 THEN 'rows' ELSE 'no_rows' END;
    detail := affected || ' row' || CASE affected WHEN 1 THEN '' ELSE 's' END;
  WHEN insufficient_privilege THEN
    outcome := 'denied';
    detail := SQLERRM;
  WHEN OTHERS THEN
    outcome := 'error';
    detail := SQLSTATE || ': ' || SQLERRM || CASE WHEN SQLSTATE LIKE '23%' THEN ' (the policies had let it through)'
      ELSE '' END;
END $fn$;

-- SET ROLE that is refused must not look like a table that refuses.
CREATE FUNCTION insforge._probe_check_role(role text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  -- Postgres asks whether the user of the session may become it, not the current one.
  IF NOT pg_has_role(session_user, role, 'MEMBER') THEN
    PERFORM insforge._rls_fail('42501', format('%s cannot become %s', session_user, role),
      format('GRANT %I TO %I; or connect as a role that may.', role, session_user));
  END IF;
END $fn$;

CREATE FUNCTION insforge._probe_check(tbl regclass, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  col text;
BEGIN
  IF tbl IS NULL OR options IS NULL THEN
    PERFORM insforge._rls_fail('22004', 'table and options must not be NULL', 'No options are ''{}''.');
  ELSIF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = tbl AND c.relkind IN ('r', 'p')) THEN
    PERFORM insforge._rls_fail('42809', format('%s is not a table', coalesce(insforge._rls_name(tbl), tbl::text)),
      'Name a table or a partitioned table.');
  ELSIF jsonb_typeof(options) <> 'object' OR options - '{owner_column,org_column,values}'::text[] <> '{}'
     OR coalesce(jsonb_typeof(options -> 'values'), 'object') <> 'object' THEN
    PERFORM insforge._rls_fail('22023', format('options cannot be %s', options),
      'They are owner_column, org_column, and values: {"column": "value"} for columns we cannot fill.');
  END IF;
  FOR col IN SELECT options ->> o FROM unnest('{owner_column,org_column}'::text[]) o WHERE options ? o
             UNION ALL SELECT * FROM jsonb_object_keys(options -> 'values') LOOP
    PERFORM insforge._rls_check_column(tbl, col, 'owner_column, org_column or values');
  END LOOP;
END $fn$;

-- Everything that must be there before anybody tries; returns the condition that finds the row.
CREATE FUNCTION insforge._probe_prepare(tbl regclass, INOUT hints jsonb, OUT target text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  code text; message text;
BEGIN
  hints := insforge._probe_list(tbl, hints);
  target := insforge._probe_target(tbl, hints);
  PERFORM insforge._probe_share(tbl, hints, target);
  PERFORM insforge._probe_join(x.id, o.org, x.org_role) FROM insforge._probe_actors(hints) x,
    LATERAL (SELECT x.home UNION SELECT 'insforge-probe-elsewhere') AS o(org) WHERE x.org_role IS NOT NULL;
EXCEPTION WHEN integrity_constraint_violation OR data_exception OR undefined_function THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
  PERFORM insforge._rls_fail(code, format('no row to try with: %s', message),
    'Pass values that the table accepts: {"values": {"column": "value"}}.');
END $fn$;

CREATE FUNCTION insforge._probe_matrix(tbl regclass, options jsonb, path text)
RETURNS TABLE (actor text, command text, outcome text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  hints jsonb;
  target text;
  seen jsonb := '[]';
  a record; t record; r record;
  n integer := 0;
BEGIN
  PERFORM insforge._probe_check(tbl, options);
  hints := insforge._probe_hints(tbl, options);
  PERFORM insforge._rls_check_roles(ARRAY[hints ->> 'role']);
  PERFORM insforge._probe_check_role(x.role) FROM (SELECT DISTINCT role FROM insforge._probe_actors(hints)) x;
  BEGIN
    PERFORM set_config('insforge_probe.search_path', path, true);
    SELECT p.hints, p.target INTO hints, target FROM insforge._probe_prepare(tbl, hints) p;
    FOR a IN SELECT * FROM insforge._probe_actors(hints) LOOP
      n := n + 10;
      FOR t IN SELECT * FROM insforge._probe_attempts(tbl, hints, target, a.id, n) LOOP
        r := insforge._probe_try(t.statement, a.role, a.id,
          insforge._probe_fill(hints -> 'settings', 'insforge-probe-owner', a.id, n));
        seen := seen || jsonb_build_object('actor', a.actor, 'command', t.command, 'outcome', r.outcome, 'detail',
          r.detail);
      END LOOP;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'IFP01';
  EXCEPTION WHEN SQLSTATE 'IFP01' THEN
    NULL;  -- everything above is undone; what was seen is kept
  END;
  RETURN QUERY SELECT e ->> 'actor', e ->> 'command', e ->> 'outcome', e ->> 'detail'
    FROM jsonb_array_elements(seen) e;
END $fn$;

-- Without a path of its own: it passes the caller's on.
CREATE FUNCTION insforge.access_matrix(tbl regclass, options jsonb DEFAULT '{}')
RETURNS TABLE (actor text, command text, outcome text, detail text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
AS $fn$
  SELECT m.actor, m.command, m.outcome, m.detail
  FROM insforge._probe_matrix(tbl, options, pg_catalog.current_setting('search_path')) m
$fn$;
COMMENT ON FUNCTION insforge.access_matrix(regclass, jsonb) IS
'Who can really do what to a table: makes a row, tries every command as every kind of caller, and takes all of
it back. outcome: rows, no_rows, denied (SQLSTATE 42501) or error. Leaves no rows, no notifications and no
locks; what Postgres itself never takes back stays: numbers drawn from sequences, and what triggers do outside
the database. Options: owner_column, org_column, values {"column": "value"}. The table''s own policies tell
them where create_policies made these. The table''s triggers, defaults and checks run with the caller''s rights, as
in every insert: try only tables whose owner you trust. VOLATILE, PARALLEL UNSAFE, with the caller''s own rights: needs to
insert into the table past its policies and to SET ROLE to the request roles. Errors: 22004 a NULL, 22023
options, 42809 not a table, 42703 no such column, 42704 no such role, 42501 without these rights, and what the
first insert raises. Execute: owner and developers, never anon or authenticated.';
