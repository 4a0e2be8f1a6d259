-- A function in an exposed schema is an endpoint. SECURITY DEFINER makes it one that row-level security does not bind,
-- and EXECUTE is PUBLIC's unless it is taken away.
CREATE FUNCTION insforge.lint_l30(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  -- Callers inside the database would lose it too.
  WITH mentioned AS MATERIALIZED (
    SELECT DISTINCT m.name FROM unnest(context.functions) o, unnest(o.mentions) m (name) WHERE m.name <> lower(o.name))
  SELECT 'L30', 'warning', 'security', 'A definer function can be called by everybody',
    format('anon or authenticated may call the %s, which runs with its owner''s rights past row-level security.', f.object),
    f.object,
    'Revoke EXECUTE, or move the function into a schema that is not exposed. Suppress this for one that is meant to be called.',
    CASE WHEN f.name ~ '^\w+$' AND lower(f.name) NOT IN (SELECT m.name FROM mentioned m)
         THEN format('REVOKE EXECUTE ON ROUTINE %s FROM %s;', f.id::regprocedure, insforge.audit_grantees(context.runtime)) END,
    'L30:' || f.object
  FROM unnest(context.functions) f
  WHERE f.audited AND f.definer AND f.callable AND NOT f.in_policy
    AND f.returns NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass AND d.refobjid = f.id
                      AND d.classid IN ('pg_catalog.pg_attrdef'::regclass, 'pg_catalog.pg_rewrite'::regclass,
                                        'pg_catalog.pg_constraint'::regclass, 'pg_catalog.pg_class'::regclass))
$fn$;
COMMENT ON FUNCTION insforge.lint_l30(insforge.audit_context) IS
'L30 definer_callable, described in docs/lints/L30_definer_callable.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
