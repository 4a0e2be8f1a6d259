-- Who may use the generator and the proof. They run with the caller's rights and could be anybody's to
-- call; but they tell much about the database, and a data API exposes what its roles may execute.

CREATE FUNCTION insforge._developer_functions() RETURNS SETOF regprocedure
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT p.oid::regprocedure FROM pg_proc p
  WHERE p.pronamespace = 'insforge'::regnamespace AND (p.proname LIKE '\_rls\_%' OR p.proname LIKE '\_probe\_%'
    OR p.proname IN ('policy_templates', 'policy_sets', 'plan_policies', 'create_policies', 'drop_policies',
                     'refuse_change', 'refuse_removal', 'impersonate', 'access_matrix', 'ensure_roles'))
$fn$;

CREATE FUNCTION insforge.grant_developer(developer regrole) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  callable regprocedure;
BEGIN
  IF developer IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'name the role that develops against this database';
  ELSIF developer::oid IN (SELECT r.oid FROM pg_roles r WHERE r.rolname IN ('anon', 'authenticated')) THEN
    RAISE invalid_parameter_value USING MESSAGE = format('%s is a role that requests run as', developer),
      HINT = 'Name the role that owns the tables.';
  END IF;
  FOR callable IN SELECT * FROM insforge._developer_functions() LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', callable, developer);
  END LOOP;
END $fn$;
COMMENT ON FUNCTION insforge.grant_developer(regrole) IS
'Lets a role use the policy generator, access_matrix and impersonate, each with its own rights only. The
database''s owner and project_admin have it from the start. VOLATILE, PARALLEL UNSAFE, with the caller''s own
rights. Errors: 22004 for NULL, 22023 for anon and authenticated, 42501 unless the caller owns the extension''s
functions. Execute: owner.';
