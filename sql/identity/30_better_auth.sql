-- Better Auth keeps its organisation members in this very database. A trigger mirrors them into
-- insforge.memberships. A view over its table would be read by the org functions with their owner's
-- rights: whoever owns that table could then replace it by a view and run code as that owner. A mirror
-- only ever receives text, and it survives dump and restore, which a view redefined after the
-- extension's script does not.

CREATE FUNCTION insforge._mirror_better_auth_member() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  -- format() goes through the type's output function only; a cast to text could be anyone's function.
  fields CONSTANT text := format('SELECT format(''%%s'', ($1).%I), format(''%%s'', ($1).%I), format(''%%s'', ($1).%I)',
                                 TG_ARGV[0], TG_ARGV[1], TG_ARGV[2]);
  member text; org text; held text;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    DELETE FROM insforge.memberships m WHERE m.issuer = 'better_auth';
    RETURN NULL;
  END IF;
  IF TG_OP IN ('UPDATE', 'DELETE') THEN
    EXECUTE fields INTO member, org, held USING OLD;
    DELETE FROM insforge.memberships m WHERE m.issuer = 'better_auth' AND m.user_id = member AND m.org_id = org;
  END IF;
  IF TG_OP IN ('UPDATE', 'INSERT') THEN
    EXECUTE fields INTO member, org, held USING NEW;
    INSERT INTO insforge.memberships AS m (issuer, user_id, org_id, role)
    VALUES ('better_auth', member, org, nullif(held, ''))
    ON CONFLICT ON CONSTRAINT memberships_pkey DO UPDATE
      SET role = excluded.role, active = true, valid_until = NULL, updated_at = now();
  END IF;
  RETURN NULL;
END $fn$;
COMMENT ON FUNCTION insforge._mirror_better_auth_member() IS
'Trigger: copies a row of Better Auth''s member table into insforge.memberships; arguments: names of the user,
organisation and role columns. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Execute: owner; a trigger on any
other table would let its owner invent memberships.';
REVOKE ALL ON FUNCTION insforge._mirror_better_auth_member() FROM PUBLIC;

CREATE FUNCTION insforge.use_better_auth_members(
  members regclass DEFAULT NULL, user_column text DEFAULT 'userId', org_column text DEFAULT 'organizationId',
  role_column text DEFAULT 'role'
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $fn$
DECLARE
  source regclass := coalesce(members, to_regclass('better_auth.member'));
  call CONSTANT text := format('EXECUTE FUNCTION insforge._mirror_better_auth_member(%L, %L, %L)',
                               user_column, org_column, role_column);
  wanted text;
  mirrored bigint;
BEGIN
  IF source IS NULL THEN
    RAISE undefined_table USING MESSAGE = 'there is no table better_auth.member',
      HINT = 'Turn on Better Auth''s organization plugin and migrate, or pass its member table.';
  END IF;
  FOREACH wanted IN ARRAY ARRAY[user_column, org_column, role_column] LOOP
    IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = source AND a.attname = wanted AND a.attnum > 0
                   AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'uuid'::regtype)) THEN
      RAISE undefined_column USING MESSAGE = format('%s has no text or uuid column "%s"', source, wanted),
        HINT = 'Pass the names that your Better Auth schema uses as user_column, org_column and role_column.';
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = source AND starts_with(t.tgname, 'insforge_memberships')
             AND t.tgfoid <> 'insforge._mirror_better_auth_member'::regproc) THEN
    RAISE duplicate_object USING MESSAGE = format('%s has a trigger insforge_memberships that is not ours', source),
      HINT = 'Rename it: ALTER TRIGGER … RENAME TO …';
  END IF;
  EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', source);
  EXECUTE format('DROP TRIGGER IF EXISTS insforge_memberships ON %s', source);
  EXECUTE format('DROP TRIGGER IF EXISTS insforge_memberships_truncate ON %s', source);
  EXECUTE format('CREATE TRIGGER insforge_memberships AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW %s',
                 source, call);
  EXECUTE format('CREATE TRIGGER insforge_memberships_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT %s',
                 source, call);
  DELETE FROM insforge.memberships m WHERE m.issuer = 'better_auth';
  EXECUTE format($q$INSERT INTO insforge.memberships (issuer, user_id, org_id, role)
    SELECT DISTINCT ON (1, 2, 3) 'better_auth', format('%%s', m.%1$I), format('%%s', m.%2$I),
      nullif(format('%%s', m.%3$I), '')
    FROM %4$s m WHERE m.%1$I IS NOT NULL AND m.%2$I IS NOT NULL$q$, user_column, org_column, role_column, source);
  GET DIAGNOSTICS mirrored = ROW_COUNT;
  RETURN mirrored;
END $fn$;
COMMENT ON FUNCTION insforge.use_better_auth_members(regclass, text, text, text) IS
'Makes Better Auth''s organisation members count as memberships, from now on and for the rows already there:
a trigger on its member table (NULL: better_auth.member) mirrors every change into insforge.memberships with
issuer better_auth. Returns how many memberships that made. Again is a no-op; to stop, drop the triggers
insforge_memberships and insforge_memberships_truncate and delete the issuer''s rows. VOLATILE, PARALLEL
UNSAFE, with the caller''s own rights. Errors: 42P01 no such table, 42703 no such column, 42501 unless the
caller owns the extension''s tables. Execute: owner.';
REVOKE ALL ON FUNCTION insforge.use_better_auth_members(regclass, text, text, text) FROM PUBLIC;
