-- The developer's own functions, with what lints ask about them.

CREATE FUNCTION insforge.audit_functions(only_these text[], runtime oid[]) RETURNS SETOF insforge.audit_function
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH everywhere AS MATERIALIZED (SELECT s.id, s.name FROM insforge.audit_schemas(NULL) s WHERE NOT s.platform),
       asked AS MATERIALIZED (SELECT s.id FROM insforge.audit_schemas(only_these) s),
       used AS MATERIALIZED (SELECT DISTINCT d.refobjid FROM pg_catalog.pg_depend d
                             WHERE d.classid = 'pg_catalog.pg_policy'::regclass AND d.refclassid = 'pg_catalog.pg_proc'::regclass)
  SELECT p.oid, s.name, p.proname::text, 'function ' || p.oid::regprocedure::text, p.prosecdef,
    CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
    CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END,
    l.lanname::text, p.prorettype, p.pronargs::int, p.proconfig,
    b.body,
    ARRAY(SELECT DISTINCT lower(m.hit[1]) FROM regexp_matches(b.body, '(\w+)"?\s*\(', 'g') m (hit)),
    EXISTS (SELECT FROM unnest(runtime) r (id)
            WHERE has_function_privilege(r.id, p.oid, 'EXECUTE') AND has_schema_privilege(r.id, p.pronamespace, 'USAGE')),
    used.refobjid IS NOT NULL,
    asked.id IS NOT NULL
  FROM everywhere s
  JOIN pg_catalog.pg_proc p ON p.pronamespace = s.id
  JOIN pg_catalog.pg_language l ON l.oid = p.prolang
  CROSS JOIN LATERAL (
    SELECT CASE WHEN l.lanname IN ('c', 'internal') THEN ''
                WHEN p.prosqlbody IS NOT NULL THEN pg_get_function_sqlbody(p.oid)
                ELSE regexp_replace(p.prosrc, '--[^\n]*|/\*.*?\*/', '', 'g') END) b (body)
  LEFT JOIN asked ON asked.id = s.id
  LEFT JOIN used ON used.refobjid = p.oid
  WHERE p.prokind IN ('f', 'p')
    -- A guide's identity function is made a member of the extension, for dumps. Until it is adopted its body is the
    -- developer's.
    AND (NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                     WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
         OR (p.proname = 'requesting_user_id' AND p.pronargs = 0 AND p.probin IS NULL AND p.prosqlbody IS NULL))
$fn$;
COMMENT ON FUNCTION insforge.audit_functions(text[], oid[]) IS
'Functions outside platform and extensions. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_callers(functions insforge.audit_function[]) RETURNS oid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  found oid[];
  names text;
BEGIN
  SELECT array_agg(p.oid) INTO found
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE (n.nspname = 'auth' AND p.proname IN ('uid', 'jwt', 'role', 'email', 'user_id', 'session'))
     OR (n.nspname = 'insforge' AND p.proname IN ('requesting_user_id', 'claims', 'claim', 'email', 'role', 'identity',
                                                  'org_ids', 'org_id', 'org_role', 'has_permission'))
     OR (n.nspname = 'realtime' AND p.proname = 'channel_name')
     OR (p.proname = 'requesting_user_id' AND p.pronargs = 0)
     OR (n.nspname = 'pg_catalog' AND p.proname = 'current_setting');
  -- Helpers of the developer's own that ask one of these; then helpers that call such helpers.
  names := '\mauth\.(uid|jwt|role|email|user_id)\s*\(|requesting_user_id\s*\(|request\.jwt|'
           '\minsforge\.(claims?|org_\w+|email|role|has_permission|identity)\s*\(|current_setting\s*\(|\m(current|session)_user\M';
  FOR i IN 1 .. 2 LOOP
    SELECT found || coalesce(array_agg(f.id), '{}'),
           '\m(' || string_agg(DISTINCT regexp_replace(f.name, '\W', '.', 'g'), '|') || ')\s*\('
      INTO found, names
    FROM unnest(functions) f WHERE f.body ~* names AND NOT f.id = ANY (found);
    EXIT WHEN names IS NULL;
  END LOOP;
  RETURN found;
END $fn$;
COMMENT ON FUNCTION insforge.audit_callers(insforge.audit_function[]) IS
'Functions whose result depends on who is calling. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
