-- Who tries, and what is known about the table.

-- What the options of one template say about rows to try with. In values and settings {user} stands for the
-- user whose row it is, {actor} for the one who tries, {org} for the organisation, {n} for a number.
CREATE FUNCTION insforge._probe_template_hints(tbl regclass, template text, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  c jsonb;
  channel text;
BEGIN
  IF template LIKE 'storage\_%' THEN
    c := insforge._rls_storage_columns(tbl);
    RETURN CASE WHEN o ->> 'folder' = 'org' THEN '{"orgs": true}' ELSE jsonb_build_object('owner', c ->> 'owner') END
      || jsonb_build_object('values', jsonb_build_object(c ->> 'bucket', o ->> 'bucket',
           c ->> 'key', CASE WHEN o ->> 'folder' = 'org' THEN '{org}' ELSE '{user}' END || '/probe-{n}'));
  ELSIF template = 'realtime_channel' THEN
    channel := replace(insforge._probe_channel(o), '%', '{n}');
    RETURN CASE WHEN o ->> 'match' = 'org' THEN '{"orgs": true}'::jsonb ELSE '{"people": true}' END
      || CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = tbl AND a.attname = 'pattern')
        THEN jsonb_build_object('values', jsonb_build_object('pattern', o ->> 'pattern'),
                                'settings', jsonb_build_object('realtime.channel_name', channel), 'find', 'pattern')
        ELSE jsonb_build_object('values', jsonb_build_object('channel_name', channel, 'sender_type', 'user',
          'sender_id', '{actor}')) END;
  ELSIF template = 'share_list' THEN
    -- The target is shared with the viewer; whoever inserts, shares the row with himself.
    RETURN jsonb_build_object('people', true, 'list', o, 'values', jsonb_build_object(o ->> 'acl_user', '{actor}'),
                              'target', jsonb_build_object(o ->> 'acl_user', 'insforge-probe-viewer'));
  END IF;
  RETURN jsonb_strip_nulls(jsonb_build_object(
    'owner', coalesce(o -> 'column', o -> 'author_column'),
    'org', o -> 'org_column', 'share', CASE template WHEN 'shared' THEN o END));
END $fn$;

-- The name of a channel that matches a pattern and carries the id in its place.
CREATE FUNCTION insforge._probe_channel(o jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT string_agg(CASE WHEN at = (o ->> 'segment')::integer THEN CASE o ->> 'match' WHEN 'org' THEN '{org}'
    ELSE '{user}' END
                         ELSE coalesce(nullif(part, ''), 'x') END, ':' ORDER BY at)
  FROM generate_series(1, greatest((o ->> 'segment')::integer,
    cardinality(string_to_array(o ->> 'pattern', ':')))) at,
    LATERAL split_part(o ->> 'pattern', ':', at) AS part
$fn$;

-- From the policies we made, else by the usual column names; the caller's options win.
CREATE FUNCTION insforge._probe_hints(tbl regclass, options jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  hints jsonb := '{"values": {}, "settings": {}}';
  roles text[] := '{}';
  one record;
  about jsonb;
BEGIN
  FOR one IN SELECT p.template, insforge._rls_options(p.template, p.options) AS o FROM insforge._rls_present(tbl) p
    ORDER BY p.slot DESC LOOP
    about := insforge._probe_template_hints(tbl, one.template, one.o);
    hints := about || hints || jsonb_build_object('values', (hints -> 'values') || coalesce(about -> 'values', '{}'),
                                                  'settings', (hints -> 'settings')
                                                    || coalesce(about -> 'settings', '{}'));
    roles := roles || ARRAY(SELECT DISTINCT r FROM jsonb_each(one.o) e, jsonb_array_elements_text(e.value) r
                            WHERE e.key = 'roles' OR e.key LIKE '%\_roles');
    hints := jsonb_build_object('role', (SELECT r FROM jsonb_array_elements_text(one.o -> 'to') r
      WHERE r <> 'anon' LIMIT 1)) || hints;
  END LOOP;
  RETURN jsonb_build_object('role', 'authenticated', 'managers',
    array_to_string(CASE WHEN roles = '{}' THEN '{admin,owner}' ELSE roles END, ','))
    || CASE WHEN NOT EXISTS (SELECT FROM insforge._rls_present(tbl)) THEN insforge._probe_guess(tbl) ELSE '{}' END
    || hints || jsonb_strip_nulls(jsonb_build_object('owner', options -> 'owner_column', 'org',
      options -> 'org_column'))
    || jsonb_build_object('values', (hints -> 'values') || coalesce(options -> 'values', '{}'));
END $fn$;

CREATE FUNCTION insforge._probe_guess(tbl regclass) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH named AS (
    SELECT a.attname AS name, array_position('{user_id,owner_id,created_by,author_id,uploaded_by}'::name[],
      a.attname) AS as_owner,
      array_position('{org_id,organization_id,tenant_id,team_id}'::name[], a.attname) AS as_org
    FROM pg_attribute a WHERE a.attrelid = tbl AND a.attnum > 0
      AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
  )
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'owner', (SELECT name FROM named WHERE as_owner IS NOT NULL ORDER BY as_owner LIMIT 1),
    'org', (SELECT name FROM named WHERE as_org IS NOT NULL ORDER BY as_org LIMIT 1)))
$fn$;

CREATE FUNCTION insforge._probe_actors(hints jsonb) RETURNS TABLE (actor text, role text, id text, org_role text,
  home text)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  -- Members also belong to a second organisation: only so can they try to move a row there.
  SELECT a.name, CASE a.name WHEN 'anon' THEN 'anon' ELSE hints ->> 'role' END,
    CASE WHEN a.name NOT IN ('anon', 'no_id') THEN 'insforge-probe-' || a.name END,
    CASE a.org_role WHEN 'managers' THEN hints ->> 'managers' ELSE a.org_role END,
    CASE a.name WHEN 'non_member' THEN 'insforge-probe-elsewhere' ELSE 'insforge-probe-org' END
  FROM (VALUES
    ('anon', NULL, true), ('no_id', NULL, true),
    ('owner', CASE WHEN hints ? 'org' THEN 'member' END, hints ? 'owner' OR hints ? 'people'),
    ('other', NULL, true),
    ('viewer', NULL, hints ? 'share' OR hints ? 'list'), ('editor', NULL, hints ? 'share'),
    ('member', 'member', hints ? 'org' OR hints ? 'orgs'),
    ('manager', 'managers', hints ? 'org' OR hints ? 'orgs'),
    ('non_member', 'managers', hints ? 'org' OR hints ? 'orgs')) AS a(name, org_role, needed)
  WHERE a.needed AND (a.name <> 'anon' OR to_regrole('anon') IS NOT NULL)
$fn$;
