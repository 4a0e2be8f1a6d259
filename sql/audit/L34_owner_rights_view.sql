-- A view reads with its owner's rights unless it says security_invoker. InsForge's owner bypasses row-level security,
-- so such a view shows every row to whoever may select from it. Materialized views hold a copy without policies, and
-- foreign tables can have none.
CREATE FUNCTION insforge.lint_l34(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH RECURSIVE protected AS (
    SELECT c.oid AS id, c.relowner AS owner, c.relforcerowsecurity AS forced FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity),
  reads AS (
    SELECT DISTINCT r.ev_class AS view, d.refobjid AS source
    FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
      AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> r.ev_class),
  reach AS (
    SELECT r.view, p.id AS base, p.owner, p.forced, false AS by_caller FROM reads r JOIN protected p ON p.id = r.source
    UNION
    -- What is read through a view with security_invoker is read with the caller's rights, whatever view is on top.
    SELECT r.view, b.base, b.owner, b.forced, s.relkind = 'v' AND (b.by_caller OR EXISTS (
      SELECT FROM unnest(s.reloptions) o (entry) WHERE o.entry ~* '^security_invoker=(true|on|yes|1)$'))
    FROM reads r JOIN reach b ON b.view = r.source JOIN pg_catalog.pg_class s ON s.oid = r.source),
  open AS (
    SELECT c.oid AS id, c.relkind, c.relowner, s.name AS schema_name, c.relname
    FROM insforge.audit_schemas(NULL) s
    JOIN pg_catalog.pg_class c ON c.relnamespace = s.id
    WHERE c.relkind IN ('v', 'm', 'f') AND NOT s.platform AND s.name = ANY (context.schemas)
      AND NOT EXISTS (SELECT FROM unnest(c.reloptions) o (entry) WHERE o.entry ~* '^security_invoker=(true|on|yes|1)$')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      AND EXISTS (SELECT FROM unnest(context.runtime) r (id)
                  WHERE has_schema_privilege(r.id, s.id, 'USAGE') AND has_any_column_privilege(r.id, c.oid, 'SELECT'))),
  found AS (
    SELECT format('%s %I.%I', CASE o.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END,
                  o.schema_name, o.relname) AS object, o.relkind, o.id, b.names, b.readable
    FROM open o
    CROSS JOIN LATERAL (
      SELECT string_agg(DISTINCT r.base::regclass::text, ', '),
        -- A view that shows part of a table nobody may read directly would stop working as invoker.
        bool_and(NOT EXISTS (SELECT FROM unnest(context.runtime) x (id)
                             WHERE has_any_column_privilege(x.id, o.id, 'SELECT') AND NOT has_table_privilege(x.id, r.base, 'SELECT')))
      FROM reach r JOIN pg_catalog.pg_roles w ON w.oid = o.relowner
      WHERE r.view = o.id AND NOT (r.by_caller AND o.relkind = 'v')
        AND (w.rolsuper OR w.rolbypassrls OR (pg_has_role(w.oid, r.owner, 'USAGE') AND NOT r.forced))) b (names, readable)
    WHERE o.relkind = 'f' OR b.names IS NOT NULL)
  SELECT 'L34', 'critical', 'security', 'A view bypasses row-level security',
    CASE f.relkind WHEN 'f' THEN format('The %s is selectable by anon or authenticated, and policies cannot protect a foreign table.', f.object)
      ELSE format('The %s reads %s with its owner''s rights: its readers see all rows.', f.object, f.names) END,
    f.object,
    CASE f.relkind WHEN 'v' THEN 'Set security_invoker. If the view is meant to show part of a private table, make sure of every column and suppress this.'
      ELSE 'Revoke SELECT and offer the data through a view or function that filters by the caller.' END,
    CASE WHEN f.relkind = 'v' AND f.readable AND current_setting('server_version_num')::int >= 150000
         THEN format('ALTER VIEW %s SET (security_invoker = on);', f.id::regclass) END,
    'L34:' || f.object
  FROM found f
$fn$;
COMMENT ON FUNCTION insforge.lint_l34(insforge.audit_context) IS
'L34 owner_rights_view, described in docs/lints/L34_owner_rights_view.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
