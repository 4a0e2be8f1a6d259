CREATE FUNCTION insforge.policy_templates()
RETURNS TABLE (template text, option text, kind text, required boolean, fallback jsonb, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  VALUES
    ('*', 'to', 'roles', false, '["authenticated"]'::jsonb, 'database roles the policies are for'),
    ('*', 'index', 'boolean', false, 'true', 'index the columns the policies compare'),
    ('*', 'grants', 'boolean', false, 'true', 'set the privileges of the roles to what the policies need'),
    ('*', 'force', 'boolean', false, 'false', 'FORCE ROW LEVEL SECURITY: bind the table''s owner too'),
    ('*', 'mend', 'boolean', false, 'false', 'turn a uuid id column into text, dropping its foreign key, and replace a default of auth.uid()'),

    ('owner', 'column', 'column', false, '"user_id"', 'column with the owner''s user id'),

    ('owner_public_read', 'column', 'column', false, '"user_id"', 'column with the owner''s user id'),
    ('owner_public_read', 'public_to', 'roles', false, '["anon"]', 'roles that read besides those of "to"'),
    ('owner_public_read', 'published', 'column', false, NULL, 'boolean column: only rows where it is true are public'),

    ('org', 'org_column', 'column', false, '"org_id"', 'column with the organisation id'),
    ('org', 'author_column', 'column', false, NULL, 'column with the user id of who wrote the row'),
    ('org', 'select_roles', 'texts', false, NULL, 'organisation roles that may read; null: every member'),
    ('org', 'insert_roles', 'texts', false, NULL, 'organisation roles that may insert; null: every member'),
    ('org', 'update_roles', 'texts', false, NULL, 'organisation roles that may update; null: every member'),
    ('org', 'delete_roles', 'texts', false, NULL, 'organisation roles that may delete; null: every member'),

    ('org_role', 'org_column', 'column', false, '"org_id"', 'column with the organisation id'),
    ('org_role', 'author_column', 'column', false, NULL, 'column with the user id of who wrote the row'),
    ('org_role', 'roles', 'texts', false, '["admin", "owner"]', 'organisation roles that may write'),
    ('org_role', 'select_roles', 'texts', false, NULL, 'organisation roles that may read; null: every member'),
    ('org_role', 'insert_roles', 'texts', false, NULL, 'overrides roles for inserts'),
    ('org_role', 'update_roles', 'texts', false, NULL, 'overrides roles for updates'),
    ('org_role', 'delete_roles', 'texts', false, NULL, 'overrides roles for deletes'),

    ('shared', 'column', 'column', false, '"user_id"', 'column with the owner''s user id'),
    ('shared', 'key', 'column', false, '"id"', 'column that shares refer to'),
    ('shared', 'acl', 'relation', true, NULL, 'table of shares: one row per shared row and user'),
    ('shared', 'acl_key', 'text', false, NULL, 'its column with the shared row''s key; null: its foreign key to this table'),
    ('shared', 'acl_user', 'text', false, '"user_id"', 'its column with the user the row is shared with'),
    ('shared', 'acl_level', 'text', false, NULL, 'its column with the level of the share; null: shares only read'),
    ('shared', 'edit_levels', 'texts', false, '["editor"]', 'levels that may update'),
    ('shared', 'helper_schema', 'text', false, NULL, 'schema of the helper function; null: that of the table of shares'),

    ('share_list', 'of', 'relation', true, NULL, 'the table whose rows are shared'),
    ('share_list', 'of_key', 'text', false, '"id"', 'its column that shares refer to'),
    ('share_list', 'of_column', 'text', false, '"user_id"', 'its column with the owner''s user id'),
    ('share_list', 'acl_key', 'column', false, NULL, 'column with the shared row''s key; null: the foreign key to that table'),
    ('share_list', 'acl_user', 'column', false, '"user_id"', 'column with the user the row is shared with'),

    ('append_only', 'column', 'column', false, '"user_id"', 'column with the user id of who wrote the row'),
    ('append_only', 'read', 'owner|authenticated|public', false, '"owner"', 'who reads: the author, the roles of "to", or these and anon'),
    ('append_only', 'guard', 'boolean', false, 'true', 'triggers that refuse UPDATE, DELETE and TRUNCATE to everybody, owner included'),

    ('tenant_fence', 'to', 'roles', false, '["anon", "authenticated"]', 'database roles the fence holds back'),
    ('tenant_fence', 'org_column', 'column', false, '"org_id"', 'column with the organisation id'),

    ('server_only', 'to', 'roles', false, '["anon", "authenticated"]', 'database roles that are kept out'),
    ('server_only', 'read', 'none|authenticated|public', false, '"none"', 'who reads: nobody, authenticated, or all roles of "to"'),

    ('storage_owner', 'bucket', 'text', true, NULL, 'bucket the policies are for'),

    ('storage_folder', 'bucket', 'text', true, NULL, 'bucket the policies are for'),
    ('storage_folder', 'folder', 'user|org', false, '"user"', 'what the first folder of a key is: the user''s id or an organisation''s'),

    ('realtime_channel', 'pattern', 'text', true, NULL, 'pattern of the channel, such as room:%'),
    ('realtime_channel', 'match', 'user|org', false, '"user"', 'whose id the channel name carries: the user''s or an organisation''s'),
    ('realtime_channel', 'segment', 'integer', false, '2', 'which part of the name, between colons, is that id; 1 is the first')
  UNION ALL
  SELECT t, o.* FROM unnest('{owner,owner_public_read,org,org_role,shared,append_only,tenant_fence}'::text[]) t,
    (VALUES ('not_null', 'boolean', false, 'true'::jsonb, 'make the id columns NOT NULL'),
            ('default', 'boolean', false, 'true', 'default the id columns to the caller''s'),
            ('immutable', 'check|trigger|grants', false, NULL,
             'how id columns are kept from changing: by WITH CHECK alone, a trigger, or column grants')) AS o
$fn$;
COMMENT ON FUNCTION insforge.policy_templates() IS
'The templates of insforge.create_policies and their options; template * stands for every template.
IMMUTABLE, PARALLEL SAFE. No errors. Execute: owner and developers.';
