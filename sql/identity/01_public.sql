-- requesting_user_id() in the installation schema, the name that every guide uses. A database that was
-- set up from a guide has one of its own with policies and defaults on it: that one is kept, and
-- becomes a member so that a dump restores (a restored database gets ours). DROP EXTENSION lets it go.
DO $do$
BEGIN
  IF to_regprocedure('@extschema@.requesting_user_id()') IS NOT NULL THEN
    ALTER EXTENSION insforge_integrations ADD FUNCTION @extschema@.requesting_user_id();
    RAISE WARNING '@extschema@.requesting_user_id() exists already and is left as it is'
      USING HINT = 'SELECT insforge.adopt_requesting_user_id() replaces its body; policies and defaults stay.';
    RETURN;
  END IF;
  CREATE FUNCTION @extschema@.requesting_user_id() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'insforge_requesting_user_id';
  GRANT EXECUTE ON FUNCTION @extschema@.requesting_user_id() TO PUBLIC;
  COMMENT ON FUNCTION @extschema@.requesting_user_id() IS
    'The caller''s user id, as insforge.requesting_user_id(). STABLE, PARALLEL SAFE; no errors. Execute: everybody.';
END $do$;

-- The guide's function becomes ours in place. Its body then depends on the extension, so that DROP
-- EXTENSION refuses instead of leaving policies that fail, or taking them along unasked.
CREATE FUNCTION insforge.adopt_requesting_user_id() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  former regrole := (SELECT proowner FROM pg_proc WHERE oid = to_regprocedure('@extschema@.requesting_user_id()'));
BEGIN
  IF to_regprocedure('@extschema@.requesting_user_id()') IS NULL THEN
    RAISE undefined_function USING MESSAGE = 'there is no @extschema@.requesting_user_id() to adopt',
      HINT = 'Use insforge.requesting_user_id().';
  END IF;
  IF (SELECT probin IS NOT NULL FROM pg_proc WHERE oid = to_regprocedure('@extschema@.requesting_user_id()')) THEN
    RETURN;  -- ours from the start
  END IF;
  CREATE OR REPLACE FUNCTION @extschema@.requesting_user_id() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE RETURN insforge.requesting_user_id();
  -- Its owner could write another body and be anybody.
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('ALTER FUNCTION @extschema@.requesting_user_id() OWNER TO %I', current_user);
    EXECUTE format('GRANT EXECUTE ON FUNCTION @extschema@.requesting_user_id() TO %s', former);
  END IF;
END $fn$;
COMMENT ON FUNCTION insforge.adopt_requesting_user_id() IS
'Replaces the body of a requesting_user_id() that was there before the extension; policies and column
defaults that use it are untouched. Again is a no-op. A superuser who calls it becomes the function''s owner; the former one may still call it. VOLATILE, PARALLEL UNSAFE, with the caller''s own
rights. Errors: 42883 where there is none, 42501 unless the caller owns it, 42P13 where it does not
return text. Execute: owner of the extension and of the function.';
