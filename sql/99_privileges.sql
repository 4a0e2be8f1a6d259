-- Nothing is left to defaults: a database's default privileges may grant every new object to anon
-- (InsForge's do, in `public`). What is granted is granted afterwards, by name.
DO $do$
DECLARE
  object record;
BEGIN
  FOR object IN
    SELECT 'FUNCTION ' || p.oid::regprocedure AS name, a.grantee
    FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
    CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'insforge_integrations')
      AND d.deptype = 'e' AND a.grantee <> p.proowner
      AND p.oid IS DISTINCT FROM to_regprocedure('@extschema@.requesting_user_id()')
    UNION
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass, a.grantee
    FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
    CROSS JOIN aclexplode(c.relacl) a
    WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'insforge_integrations')
      AND d.deptype = 'e' AND c.relkind IN ('r', 'v', 'S') AND a.grantee <> c.relowner
      AND c.relname <> 'x402_payments'  -- 10_payments.sql has seen to it
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', object.name,
      CASE object.grantee WHEN 0 THEN 'PUBLIC' ELSE object.grantee::regrole::text END);
  END LOOP;
END $do$;

-- What only reads the caller's own identity, proves one, or computes from its arguments. A function's
-- comment says who may execute it, and a test holds the two together.
GRANT EXECUTE ON FUNCTION
  insforge.requesting_user_id(), insforge.claims(), insforge.claim(text[]), insforge.email(), insforge.role(),
  insforge.org_ids(text[]), insforge.org_id(), insforge.org_role(text), insforge.has_permission(text, text),
  insforge.login(text, text), insforge.logout(), insforge.identity(),
  x402.transitions(), x402.transition_allowed(text, text), x402.normalize_network(text), x402.chain_name(text),
  x402.verify(jsonb, jsonb, timestamptz, jsonb), x402.encode_header(jsonb), x402.decode_header(text),
  x402.requirements(text, numeric, text, text, numeric, text, text, text, integer, text, jsonb),
  x402.payment_required(jsonb, text, text, text, text), x402.token_domain(text, text, jsonb),
  x402.domain_separator(jsonb), x402.authorization_digest(jsonb, jsonb), x402.recover(text, text)
TO PUBLIC;
-- What those, and the constraints of a table that others write, call with their caller's rights.
DO $do$
DECLARE
  called regprocedure;
BEGIN
  FOR called IN
    SELECT p.oid FROM pg_proc p
    WHERE p.pronamespace = 'x402'::regnamespace
      AND p.proname IN ('_decode_header', '_raise', '_requirements', '_payment_required', '_token_domain',
                        '_domain_separator', '_authorization_digest', '_recover', '_exposure', '_identity_is_whole')
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', called);
  END LOOP;
END $do$;

-- The replacement of a guide's function is for whoever owns that function: Postgres checks it.
DO $do$
BEGIN
  IF to_regrole('project_admin') IS NOT NULL THEN
    GRANT EXECUTE ON FUNCTION insforge.adopt_requesting_user_id() TO project_admin;
  END IF;
END $do$;

-- The generator, the proof and the audit are for the database's owner and for InsForge's administrator
-- role.
DO $do$
DECLARE
  callable regprocedure;
  role text;
BEGIN
  FOR callable IN SELECT * FROM insforge._developer_functions()
    UNION SELECT 'insforge._developer_functions()'::regprocedure UNION SELECT 'insforge.grant_developer(regrole)'::regprocedure LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', callable);
    IF obj_description(callable, 'pg_proc') IS NULL THEN
      EXECUTE format('COMMENT ON FUNCTION %s IS %L', callable, (
        SELECT format('Internal part of the policy generator and its proof; NULL arguments are not looked for. %s, PARALLEL %s, %s. Execute: owner and developers.',
          CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
          CASE p.proparallel WHEN 's' THEN 'SAFE' ELSE 'UNSAFE' END,
          CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' ELSE 'with the caller''s own rights' END)
        FROM pg_proc p WHERE p.oid = callable));
    END IF;
  END LOOP;
  FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN ('pg_database_owner', 'project_admin') LOOP
    PERFORM insforge.grant_developer(role::regrole), insforge.grant_audit(role::regrole);
  END LOOP;
END $do$;
