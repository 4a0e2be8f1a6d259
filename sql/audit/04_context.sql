-- One reading of the catalogs for all lints. Compiling these queries (jit) takes longer than running them.

CREATE FUNCTION insforge.audit_policies(runtime oid[], callers oid[], subjects oid[], claims oid[])
RETURNS TABLE (table_id oid, policy insforge.audit_policy)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH equality (ids) AS (SELECT array_agg(o.oid) FROM pg_catalog.pg_operator o WHERE o.oprname = '='),
       raw AS MATERIALIZED (
         SELECT p.*, p.polqual::text AS using_tree, p.polwithcheck::text AS check_tree FROM pg_catalog.pg_policy p),
       -- Most policies of a database are alike to the letter: each different tree is read once.
       tree (text) AS (SELECT using_tree FROM raw UNION SELECT check_tree FROM raw),
       parsed AS MATERIALIZED (
         SELECT t.text, insforge.audit_expression(t.text, callers, subjects, claims, q.ids) AS facts FROM tree t, equality q),
       roles AS MATERIALIZED (
         SELECT g.polroles, ARRAY(
           SELECT pg_get_userbyid(r.id)::text FROM unnest(runtime) r (id)
           WHERE 0 = ANY (g.polroles) OR EXISTS (SELECT FROM unnest(g.polroles) m (id) WHERE pg_has_role(r.id, m.id, 'USAGE'))
         ) AS runtime
         FROM (SELECT DISTINCT polroles FROM raw) g)
  SELECT p.polrelid, ROW(p.polname::text, format('policy %I on %I.%I', p.polname, n.nspname, c.relname),
    CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    p.polpermissive, p.polroles, g.runtime,
    CASE WHEN p.polcmd IN ('w', 'd', '*') AND p.polpermissive AND NOT (u.facts).always_true
           AND cardinality((u.facts).owners) = 0 AND cardinality((u.facts).relations) = 0
         THEN insforge.audit_opened(u.facts, pg_get_expr(p.polqual, p.polrelid), p.polrelid, 'authenticated' = ANY (g.runtime)) ELSE u.facts END,
    CASE WHEN p.polcmd <> 'r' AND p.polpermissive AND NOT (k.facts).always_true
           AND cardinality((k.facts).owners) = 0 AND cardinality((k.facts).relations) = 0
         THEN insforge.audit_opened(k.facts, pg_get_expr(p.polwithcheck, p.polrelid), p.polrelid, 'authenticated' = ANY (g.runtime)) ELSE k.facts END
    )::insforge.audit_policy
  FROM raw p
  JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN roles g ON g.polroles = p.polroles
  LEFT JOIN parsed u ON u.text = p.using_tree
  LEFT JOIN parsed k ON k.text = p.check_tree
  WHERE NOT (c.relname = 'x402_payments' AND p.polname IN ('x402_sidecar_read', 'x402_exposed_read'))
$fn$;
COMMENT ON FUNCTION insforge.audit_policies(oid[], oid[], oid[], oid[]) IS
'All policies, expressions read. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_tables(only_these text[], runtime oid[], callers oid[], subjects oid[], claims oid[])
RETURNS SETOF insforge.audit_table
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH reachable AS MATERIALIZED (
    SELECT s.*, ARRAY(SELECT r.id FROM unnest(runtime) r (id) WHERE has_schema_privilege(r.id, s.id, 'USAGE')) AS roles
    FROM insforge.audit_schemas(only_these) s),
  policy AS MATERIALIZED (
    SELECT p.table_id, array_agg(p.policy ORDER BY (p.policy).name) AS list
    FROM insforge.audit_policies(runtime, callers, subjects, claims) p GROUP BY 1)
  SELECT c.oid, s.name, c.relname::text, format('table %I.%I', s.name, c.relname),
    CASE c.relkind WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
    c.relrowsecurity, s.platform OR l.ours,
    ARRAY(SELECT v.privilege FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) v (privilege)
          WHERE EXISTS (SELECT FROM unnest(s.roles) r (id)
                        WHERE CASE v.privilege WHEN 'DELETE' THEN has_table_privilege(r.id, c.oid, v.privilege)
                                               ELSE has_any_column_privilege(r.id, c.oid, v.privilege) END)),
    coalesce(p.list, '{}')
  FROM reachable s
  JOIN pg_catalog.pg_class c ON c.relnamespace = s.id
  LEFT JOIN policy p ON p.table_id = c.oid
  CROSS JOIN LATERAL (
    -- Unlike a ledger that a guide made, the extension's knows the nonce of a payment.
    SELECT c.relname = 'x402_payments' AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'nonce')) l (ours)
  WHERE c.relkind IN ('r', 'p')
    -- The ledger is the extension's, but policies and grants on it may be anybody's.
    AND (c.relname = 'x402_payments' OR NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
$fn$;
COMMENT ON FUNCTION insforge.audit_tables(text[], oid[], oid[], oid[], oid[]) IS
'Tables under audit, each with its policies. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_context(schemas text[] DEFAULT NULL) RETURNS insforge.audit_context
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off
AS $fn$
DECLARE
  c insforge.audit_context;
  subjects oid[];
  claims oid[];
  missing text;
BEGIN
  IF array_position(schemas, NULL) IS NOT NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'a schema to audit is NULL', HINT = 'Pass NULL alone for all schemas.';
  END IF;
  SELECT s.name INTO missing FROM unnest(schemas) s (name)
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = s.name) LIMIT 1;
  IF missing IS NOT NULL THEN
    RAISE invalid_schema_name USING MESSAGE = format('there is no schema "%s"', missing);
  END IF;

  c.whole_database := schemas IS NULL;
  c.schemas := ARRAY(SELECT s.name FROM insforge.audit_schemas(schemas) s);
  c.insforge := insforge.audit_platform() = 'insforge';
  c.third_party := insforge.audit_third_party();
  c.runtime := ARRAY(SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname IN ('anon', 'authenticated') ORDER BY r.rolname);
  c.functions := ARRAY(SELECT f FROM insforge.audit_functions(schemas, c.runtime) f);
  c.callers := insforge.audit_callers(c.functions);
  c.auth_uid := insforge.audit_routine('auth', 'uid');
  SELECT array_agg(p.oid) FILTER (WHERE p.proname NOT IN ('jwt', 'session', 'claims', 'claim', 'role')
                                    AND p.prorettype IN ('text'::regtype, 'uuid'::regtype, 'varchar'::regtype)),
         array_agg(p.oid) FILTER (WHERE p.proname IN ('jwt', 'session', 'claims', 'claim') AND n.nspname IN ('auth', 'insforge'))
    INTO subjects, claims
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.oid = ANY (c.callers) AND n.nspname <> 'pg_catalog' AND (p.pronargs = 0 OR p.proname = 'claim');
  c.tables := ARRAY(SELECT t FROM insforge.audit_tables(
    schemas, c.runtime, c.callers, coalesce(subjects, '{}'), coalesce(claims, '{}')) t);
  RETURN c;
END $fn$;
COMMENT ON FUNCTION insforge.audit_context(text[]) IS
'What lints look at, for these schemas (NULL: all). STABLE, PARALLEL SAFE. Errors: 22004 for a NULL among the
names, 3F000 for a schema that does not exist. Execute: whoever may audit.';
