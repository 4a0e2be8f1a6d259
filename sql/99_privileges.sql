-- Who may do what, in one place. Nothing is left to defaults: a database's default privileges may
-- grant every new object to anon (InsForge's do, in `public`).
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

-- Functions that only read the caller's own identity, or compute from their arguments.
GRANT EXECUTE ON FUNCTION
  insforge.requesting_user_id(), insforge.claims(), insforge.claim(text[]), insforge.email(), insforge.role(),
  x402.transitions(), x402.transition_allowed(text, text), x402.normalize_network(text), x402.chain_name(text),
  x402.verify(jsonb, jsonb, timestamptz, jsonb), x402.encode_header(jsonb), x402.decode_header(text),
  x402._decode_header(text), x402._exposure()
TO PUBLIC;

-- The replacement of a guide's function is for whoever owns that function: Postgres checks it.
DO $do$
BEGIN
  IF to_regrole('project_admin') IS NOT NULL THEN
    GRANT EXECUTE ON FUNCTION insforge.adopt_requesting_user_id() TO project_admin;
  END IF;
END $do$;
