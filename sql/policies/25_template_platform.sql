-- Tables of the platform: storage.objects, realtime.channels and realtime.messages. Their columns and
-- their other privileges belong to the platform; only what is missing is granted.

CREATE FUNCTION insforge._rls_storage_columns(tbl regclass) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  names text[] := ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = tbl AND a.attnum > 0
    AND NOT a.attisdropped);
BEGIN
  IF names @> '{bucket,key,uploaded_by}' THEN
    RETURN '{"bucket": "bucket", "key": "key", "owner": "uploaded_by"}';
  ELSIF names @> '{bucket_id,name,owner_id}' THEN
    RETURN '{"bucket": "bucket_id", "key": "name", "owner": "owner_id"}';
  END IF;
  PERFORM insforge._rls_fail('42703', format('%s does not look like a table of stored objects',
    insforge._rls_name(tbl)),
    'Storage templates are for storage.objects, with the columns bucket, key and uploaded_by (InsForge) '
    'or bucket_id, name and owner_id (Supabase).');
END $fn$;

CREATE FUNCTION insforge._rls_storage_spec(c jsonb, o jsonb, condition text, indexed text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_object('slot', 'bucket ' || (o ->> 'bucket'), 'narrow', false, 'platform', true,
    'policies', insforge._rls_four('insforge_bucket_' || (o ->> 'bucket'), o -> 'to',
      format('%I = %L and %s', c ->> 'bucket', o ->> 'bucket', condition), 'one''s own objects'),
    'columns', jsonb_build_array(jsonb_build_object('name', c ->> 'owner', 'option', 'column', 'id',
      indexed IS NOT NULL)),
    'index', CASE WHEN indexed IS NULL THEN '[]' ELSE jsonb_build_array(indexed) END,
    'grants', insforge._rls_grants(o -> 'to', '{SELECT,INSERT,UPDATE,DELETE}'))
$fn$;

CREATE FUNCTION insforge._rls_template_storage_owner(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT insforge._rls_storage_spec(c.names, o, insforge._rls_is_me(c.names ->> 'owner'), c.names ->> 'owner')
  FROM (SELECT insforge._rls_storage_columns(tbl)) AS c(names)
$fn$;

CREATE FUNCTION insforge._rls_template_storage_folder(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  c jsonb := insforge._rls_storage_columns(tbl);
  home text := (SELECT n.nspname FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = tbl);
  first text := format('(%I.foldername(%I))[1]', home, c ->> 'key');
BEGIN
  IF to_regprocedure(format('%I.foldername(text)', home)) IS NULL THEN
    PERFORM insforge._rls_fail('42883', format('there is no function %I.foldername(text)', home),
      'It comes with the platform''s storage.');
  END IF;
  RETURN insforge._rls_storage_spec(c, o, CASE o ->> 'folder' WHEN 'org' THEN insforge._rls_in_my_orgs(first)
    ELSE first || ' = (select insforge.requesting_user_id())' END, NULL);
END $fn$;

-- What a channel's name says about who may use it.
CREATE FUNCTION insforge._rls_channel_match(channel text, o jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE o ->> 'match' WHEN 'org' THEN insforge._rls_in_my_orgs(part.id)
    ELSE part.id || ' = (select insforge.requesting_user_id())' END
  FROM (SELECT format('split_part(%s, '':'', %s)', channel, o ->> 'segment')) AS part(id)
$fn$;

CREATE FUNCTION insforge._rls_template_realtime_channel(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  pattern text := o ->> 'pattern';
  slot text := 'channel ' || pattern;
  prefix text := 'insforge_channel_' || pattern;
  names text[] := ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = tbl AND a.attnum > 0
    AND NOT a.attisdropped);
  home text := (SELECT n.nspname FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = tbl);
  base jsonb := jsonb_build_object('slot', slot, 'narrow', false, 'platform', true, 'columns', '[]'::jsonb, 'index',
    '[]'::jsonb);
BEGIN
  IF names @> '{pattern,enabled}' THEN
    IF to_regprocedure(format('%I.channel_name()', home)) IS NULL THEN
      PERFORM insforge._rls_fail('42883', format('there is no function %I.channel_name()', home),
        'It comes with the platform''s realtime.');
    END IF;
    RETURN base || jsonb_build_object('grants', insforge._rls_grants(o -> 'to', '{SELECT}'),
      'policies', jsonb_build_array(insforge._rls_policy(prefix || '_subscribe', 'SELECT', o -> 'to',
        format('pattern = %L and %s', pattern, insforge._rls_channel_match(format('(select %I.channel_name())',
          home), o)),
        NULL, 'subscribe to channels that carry one''s id')));
  ELSIF names @> '{channel_name,sender_type,sender_id}' THEN
    RETURN base || jsonb_build_object('grants', insforge._rls_grants(o -> 'to', '{INSERT}'),
      'columns', jsonb_build_array('{"name": "sender_id", "option": "column", "id": true}'::jsonb),
      'policies', jsonb_build_array(insforge._rls_policy(prefix || '_publish', 'INSERT', o -> 'to', NULL,
        format('channel_name like %L and %s and sender_type = ''user'' and %s', pattern,
          insforge._rls_channel_match('channel_name', o), insforge._rls_is_me('sender_id')),
        'publish, under one''s own id, to channels that carry one''s id')));
  END IF;
  PERFORM insforge._rls_fail('42703', format('%s is not a realtime table', insforge._rls_name(tbl)),
    'Use realtime.channels for subscribing and realtime.messages for publishing.');
END $fn$;
