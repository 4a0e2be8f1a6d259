-- InsForge and Supabase bring the roles `anon` and `authenticated`; plain Postgres does not. Creating
-- them as a side effect of CREATE EXTENSION would change the whole cluster unasked, so it is a call.

CREATE FUNCTION insforge.ensure_roles(roles text[] DEFAULT '{anon,authenticated}') RETURNS text[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  wanted text;
  made text[] := '{}';
BEGIN
  IF roles IS NULL OR array_position(roles, NULL) IS NOT NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'name the roles to create, none of them NULL';
  END IF;
  FOREACH wanted IN ARRAY roles LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname = wanted);
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      -- Without the membership nobody but a superuser could SET ROLE to it, as a data API does.
      EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
      made := made || wanted;
    EXCEPTION WHEN duplicate_object THEN
      NULL;  -- another session was quicker: roles are shared by the whole cluster
    END;
  END LOOP;
  RETURN made;
END $fn$;
COMMENT ON FUNCTION insforge.ensure_roles(text[]) IS
'Creates the roles that requests run as (NOLOGIN, granted to the caller) where they are missing; returns those
it made. For plain Postgres; on InsForge and Supabase a no-op. Roles belong to the cluster: neither DROP
EXTENSION nor drop_policies removes them. VOLATILE, PARALLEL UNSAFE, with the caller''s own rights. Errors:
22004 for NULL, 42501 without CREATEROLE. Execute: owner and developers.';
REVOKE ALL ON FUNCTION insforge.ensure_roles(text[]) FROM PUBLIC;
