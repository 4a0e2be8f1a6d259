-- What is audited, and what kind of database this is.

CREATE FUNCTION insforge.audit_platform() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE
    WHEN to_regrole('project_admin') IS NOT NULL THEN 'insforge'
    WHEN to_regrole('supabase_admin') IS NOT NULL THEN 'supabase'
  END
$fn$;
COMMENT ON FUNCTION insforge.audit_platform() IS
'insforge, supabase, or NULL for plain Postgres, told by the roles each brings. STABLE, PARALLEL SAFE.
Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_schemas(only_these text[])
RETURNS TABLE (id oid, name text, platform boolean)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  -- Schemas that the platform owns: their functions and tables are not the developer's to mend. Policies
  -- on three of them are.
  WITH reserved (names) AS (SELECT CASE insforge.audit_platform()
      WHEN 'insforge' THEN '{ai,auth,compute,deployments,email,functions,memory,payments,realtime,schedules,storage,system}'::text[]
      WHEN 'supabase' THEN '{auth,storage,realtime,_realtime,_analytics,extensions,graphql,graphql_public,pgbouncer,pgsodium,
                             pgsodium_masks,vault,net,cron,supabase_functions,supabase_migrations}'::text[]
      ELSE '{}' END)
  SELECT n.oid, n.nspname::text, n.nspname::text = ANY (r.names)
  FROM pg_catalog.pg_namespace n, reserved r
  WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'insforge', 'x402')
    AND CASE WHEN only_these IS NULL
             THEN NOT n.nspname::text = ANY (r.names) OR n.nspname IN ('payments', 'realtime', 'storage')
             ELSE n.nspname::text = ANY (only_these) END
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')
$fn$;
COMMENT ON FUNCTION insforge.audit_schemas(text[]) IS
'Schemas under audit: all that are not the server''s, an extension''s or the platform''s, with the platform''s
storage, realtime and payments; or, of those named, the ones that are not the server''s or an extension''s.
NULL: all. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

-- to_regclass() and its like fail in a schema the caller may not use.
CREATE FUNCTION insforge.audit_relation(schema_name text, relation_name text) RETURNS oid
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = schema_name AND c.relname = relation_name
$fn$;
COMMENT ON FUNCTION insforge.audit_relation(text, text) IS
'The relation of that name, or NULL. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_routine(schema_name text, function_name text) RETURNS oid
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = schema_name AND p.proname = function_name AND p.pronargs = 0
$fn$;
COMMENT ON FUNCTION insforge.audit_routine(text, text) IS
'The function of that name without arguments, or NULL. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_third_party() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  found boolean := false;
BEGIN
  IF to_regnamespace('better_auth') IS NOT NULL THEN
    RETURN true;
  END IF;
  -- A guide's identity function, adopted or not. The extension's own, in C, is there in every database.
  IF EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE p.proname = 'requesting_user_id' AND p.pronargs = 0 AND n.nspname <> 'insforge' AND p.probin IS NULL) THEN
    RETURN true;
  END IF;
  IF to_regclass('insforge.providers') IS NOT NULL AND has_table_privilege('insforge.providers', 'SELECT') THEN
    EXECUTE 'SELECT EXISTS (SELECT FROM insforge.providers)' INTO found;
  END IF;
  RETURN found;
END $fn$;
COMMENT ON FUNCTION insforge.audit_third_party() IS
'Whether users of this database sign in with another provider, so that ids are strings: a provider is
configured, Better Auth''s schema exists, or a guide''s requesting_user_id() does. STABLE, PARALLEL SAFE.
Execute: whoever may audit.';
