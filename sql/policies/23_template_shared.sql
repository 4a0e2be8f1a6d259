-- Rows shared one by one: `shared` for the rows, `share_list` for the table that says with whom.
-- Policies of two tables that sub-select each other end in "infinite recursion detected". So the rows'
-- policies ask a helper function that reads the shares with the rights of the table's owner, and only
-- the shares' policies sub-select the rows.

CREATE FUNCTION insforge._rls_share_column(acl regclass, tbl regclass, given text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  found text := coalesce(given, insforge._rls_link(acl, tbl));
BEGIN
  IF found IS NULL THEN
    PERFORM insforge._rls_fail('42703', format('%s has no single foreign key to %s', insforge._rls_name(acl),
      insforge._rls_name(tbl)),
      'Name the column with the shared row''s key in option "acl_key".');
  END IF;
  PERFORM insforge._rls_check_column(acl, found, 'acl_key');
  RETURN found;
END $fn$;

-- A share must go by a foreign key. Otherwise somebody makes a second row with a shared key and shares the first
-- with himself; or shares a row, deletes it, and sees who comes by its key next.
CREATE FUNCTION insforge._rls_check_key(acl regclass, acl_key text, tbl regclass, key text, option text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  PERFORM insforge._rls_check_column(tbl, key, option);
  IF NOT EXISTS (SELECT FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = acl AND c.conkey = ARRAY[a.attnum]
      JOIN pg_attribute k ON k.attrelid = tbl AND c.confkey = ARRAY[k.attnum]
      WHERE c.conrelid = acl AND c.confrelid = tbl AND c.contype = 'f' AND a.attname = acl_key AND k.attname = key) THEN
    PERFORM insforge._rls_fail('42830', format('%s.%I has no foreign key to %s.%I, and shares go by it',
      insforge._rls_name(acl), acl_key, insforge._rls_name(tbl), key),
      format('ALTER TABLE %s ADD FOREIGN KEY (%I) REFERENCES %s (%I) ON DELETE CASCADE; or name another column in '
        'option "%s".', insforge._rls_name(acl), acl_key, insforge._rls_name(tbl), key, option));
  END IF;
END $fn$;

-- The helper reads the shares with their owner's rights, and these options may come from a comment on the
-- table (see _rls_present): a superuser's call must not read for the table's owner what that owner may not.
CREATE FUNCTION insforge._rls_check_shares(tbl regclass, acl regclass, home text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  owner oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = tbl);
  acl_owner oid; acl_home name; bound boolean;
BEGIN
  SELECT c.relowner, n.nspname, c.relforcerowsecurity AND NOT (r.rolsuper OR r.rolbypassrls)
    INTO acl_owner, acl_home, bound
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
  WHERE c.oid = acl;
  IF NOT pg_has_role(owner, acl_owner, 'USAGE') THEN
    PERFORM insforge._rls_fail('42501', format('%s, who owns %s, may not read %s, which belongs to %s',
      owner::regrole, insforge._rls_name(tbl), insforge._rls_name(acl), acl_owner::regrole),
      format('ALTER TABLE %s OWNER TO %s;', insforge._rls_name(acl), owner::regrole));
  ELSIF bound THEN
    PERFORM insforge._rls_fail('55000', format('%s forces row-level security on its owner, with whose rights '
      'shares are read: nobody would see a shared row', insforge._rls_name(acl)),
      format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY;', insforge._rls_name(acl)));
  ELSIF to_regnamespace(quote_ident(home)) IS NULL THEN
    PERFORM insforge._rls_fail('3F000', format('option "helper_schema" names "%s", which does not exist', home),
      format('CREATE SCHEMA %I;', home));
  ELSIF home <> acl_home AND NOT has_schema_privilege(owner, home, 'CREATE') THEN
    PERFORM insforge._rls_fail('42501', format('%s, who owns %s, may not create functions in schema %I',
      owner::regrole, insforge._rls_name(tbl), home),
      format('GRANT CREATE ON SCHEMA %I TO %s; or name another schema in option "helper_schema".', home,
        owner::regrole));
  END IF;
END $fn$;

CREATE FUNCTION insforge._rls_shared_helper(tbl regclass, acl regclass, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  acl_key text := insforge._rls_share_column(acl, tbl, o ->> 'acl_key');
  level text := o ->> 'acl_level';
  home text := coalesce(o ->> 'helper_schema',
    (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = acl));
  name text := format('%I.%I', home, insforge._rls_fit((SELECT c.relname FROM pg_class c WHERE c.oid = tbl)
    || '_shared_ids'));
  key_type text := (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
                    WHERE a.attrelid = acl AND a.attname = acl_key);
BEGIN
  PERFORM insforge._rls_check_shares(tbl, acl, home);
  PERFORM insforge._rls_check_column(acl, o ->> 'acl_user', 'acl_user');
  PERFORM insforge._rls_check_id_column(acl, o ->> 'acl_user', false);
  IF level IS NOT NULL THEN
    PERFORM insforge._rls_check_column(acl, level, 'acl_level');
  END IF;
  RETURN jsonb_build_object('name', name, 'type', key_type, 'signature', name || '(text[])',
    'why', 'the rows shared with the caller, read with the rights of the shares'' owner: '
           'policies that read each other''s tables recurse',
    'to', o -> 'to',
    'owner', (SELECT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = acl),
    'ddl', format('CREATE FUNCTION %s(levels text[] DEFAULT NULL) RETURNS %s[] LANGUAGE sql STABLE PARALLEL SAFE '
        'SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L', name, key_type,
      format('SELECT coalesce(array_agg(s.%I), ''{}'') FROM %s s WHERE s.%I = insforge.requesting_user_id()%s',
        acl_key, insforge._rls_name(acl), o ->> 'acl_user',
        CASE WHEN level IS NULL THEN ' AND levels IS NULL'
          ELSE format(' AND (levels IS NULL OR s.%I::text = ANY (levels))', level) END)));
END $fn$;

CREATE FUNCTION insforge._rls_template_shared(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  acl regclass := insforge._rls_other_table(o ->> 'acl', 'acl');
  helper jsonb := insforge._rls_shared_helper(tbl, acl, o);
  own text := insforge._rls_is_me(o ->> 'column');
  shared CONSTANT text := '%s or %I = any ((select %s(%s))::%s[])';
  may_read text := format(shared, own, o ->> 'key', helper ->> 'name', '', helper ->> 'type');
  may_edit text := format(shared, own, o ->> 'key', helper ->> 'name',
    quote_literal(insforge._rls_texts(o -> 'edit_levels')::text) || '::text[]', helper ->> 'type');
  four jsonb := insforge._rls_four('insforge_shared', o -> 'to', own, 'one''s own rows');
BEGIN
  PERFORM insforge._rls_check_key(acl, insforge._rls_share_column(acl, tbl, o ->> 'acl_key'), tbl, o ->> 'key', 'key');
  IF o ? 'acl_level' AND o ->> 'immutable' = 'check' THEN
    PERFORM insforge._rls_fail('22023', 'with option "acl_level" option "immutable" cannot be "check"',
      'An editor passes WITH CHECK by the key alone and could take the row over: use "trigger" or "grants".');
  END IF;
  IF NOT (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = acl) THEN
    PERFORM insforge._rls_fail('55000', format(
        '%s has no row-level security: whoever can write it could share any row with himself', insforge._rls_name(acl)),
      format('SELECT * FROM insforge.create_policies(%L, ''share_list'', %L);', insforge._rls_name(acl),
             jsonb_build_object('of', insforge._rls_name(tbl), 'of_key', o -> 'key', 'of_column', o -> 'column',
               'acl_user', o -> 'acl_user')
             || CASE WHEN o ? 'acl_key' THEN jsonb_build_object('acl_key', o -> 'acl_key') ELSE '{}' END));
  END IF;
  RETURN insforge._rls_template_owner(tbl, o) || jsonb_build_object('helpers', jsonb_build_array(helper),
    'policies', jsonb_build_array(
      insforge._rls_policy('insforge_shared_select', 'SELECT', o -> 'to', may_read, NULL,
        'read one''s own rows and those shared with one'),
      four -> 1,
      CASE WHEN o ? 'acl_level'
        THEN insforge._rls_policy('insforge_shared_update', 'UPDATE', o -> 'to', may_edit, may_edit,
          'change one''s own rows and those shared for editing')
        ELSE four -> 2 END,
      four -> 3),
    'index', jsonb_build_array(o ->> 'column', o ->> 'key'),
    -- An editor passes WITH CHECK by the key alone and could take the row over.
    'keep', insforge._rls_keep(o, ARRAY[o ->> 'column', o ->> 'key'], CASE WHEN o ? 'acl_level' THEN 'trigger'
      ELSE 'check' END));
END $fn$;

CREATE FUNCTION insforge._rls_template_share_list(tbl regclass, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  target regclass := insforge._rls_other_table(o ->> 'of', 'of');
  acl_key text := insforge._rls_share_column(tbl, target, o ->> 'acl_key');
  owned text := format('from %s shared where shared.%I = (select insforge.requesting_user_id())',
    insforge._rls_name(target), o ->> 'of_column');
  -- One search for all rows where rows are filtered, one look-up by key where a row is checked.
  mine text := format('%I = any (array(select shared.%I %s))', acl_key, o ->> 'of_key', owned);
  exists_mine text := format('exists (select %s and shared.%I = %I.%I)', owned, o ->> 'of_key',
    (SELECT c.relname FROM pg_class c WHERE c.oid = tbl), acl_key);
BEGIN
  PERFORM insforge._rls_check_key(tbl, acl_key, target, o ->> 'of_key', 'of_key');
  PERFORM insforge._rls_check_column(target, o ->> 'of_column', 'of_column');
  PERFORM insforge._rls_check_id_column(target, o ->> 'of_column', false);
  RETURN jsonb_build_object('slot', 'table', 'narrow', true,
    'policies', jsonb_build_array(
      insforge._rls_policy('insforge_share_list_select', 'SELECT', o -> 'to', insforge._rls_is_me(o ->> 'acl_user')
        || ' or ' || mine, NULL, 'read shares given to one, and those of one''s own rows'),
      insforge._rls_policy('insforge_share_list_insert', 'INSERT', o -> 'to', NULL, exists_mine,
        'share one''s own rows'),
      insforge._rls_policy('insforge_share_list_update', 'UPDATE', o -> 'to', mine, exists_mine,
        'change the shares of one''s own rows'),
      insforge._rls_policy('insforge_share_list_delete', 'DELETE', o -> 'to', mine, NULL,
        'end the shares of one''s own rows')),
    'columns', jsonb_build_array(jsonb_build_object('name', o ->> 'acl_user', 'option', 'acl_user', 'id', true),
                                 jsonb_build_object('name', acl_key, 'option', 'acl_key', 'id', false)),
    'index', jsonb_build_array(o ->> 'acl_user', acl_key),
    'grants', insforge._rls_grants(o -> 'to', '{SELECT,INSERT,UPDATE,DELETE}'));
END $fn$;
