-- Last, after the general revocation: the generator is for the database's owner and for InsForge's
-- administrator role.
DO $do$
DECLARE
  callable regprocedure;
  role text;
BEGIN
  FOR callable IN SELECT * FROM insforge._developer_functions()
    UNION SELECT 'insforge._developer_functions()'::regprocedure UNION SELECT 'insforge.grant_developer(regrole)'::regprocedure LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', callable);
  END LOOP;
  FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN ('pg_database_owner', 'project_admin') LOOP
    PERFORM insforge.grant_developer(role::regrole);
  END LOOP;
END $do$;
-- Policies of every role call these; each answers about the caller only.
GRANT EXECUTE ON FUNCTION insforge.org_ids(text[]), insforge.org_id(), insforge.org_role(text),
  insforge.has_permission(text, text) TO PUBLIC;
