-- Claims are as trustworthy as the one place that sets them. A function that sets the role or request.*, and that
-- anon or authenticated may call, lets a caller become anybody.
CREATE FUNCTION insforge.lint_l32(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  -- Callers inside the database would lose it too.
  WITH mentioned AS MATERIALIZED (
    SELECT DISTINCT m.name FROM unnest(context.functions) o, unnest(o.mentions) m (name) WHERE m.name <> lower(o.name))
  SELECT 'L32', 'critical', 'security', 'A function can forge an identity',
    format('The %s sets the role or the request''s claims, and anon or authenticated may call it.', f.object),
    f.object,
    'Remove it, or revoke EXECUTE. For tests there is insforge.impersonate().',
    CASE WHEN NOT f.in_policy AND f.name ~ '^\w+$' AND lower(f.name) NOT IN (SELECT m.name FROM mentioned m)
         THEN format('REVOKE EXECUTE ON ROUTINE %s FROM %s;', f.id::regprocedure, insforge.audit_grantees(context.runtime)) END,
    'L32:' || f.object
  FROM unnest(context.functions) f
  WHERE f.audited AND f.callable AND f.returns NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND (
    f.body ~* $r$\mset_config\s*\(\s*('(role|session_authorization|request\.)|[^'\s])$r$
    -- SET role = … is also a part of UPDATE; here it begins a statement.
    OR f.body ~* '(^|;|''|\m(begin|then|else|loop|\$\w*\$))\s*(set|reset)\s+(local\s+|session\s+)?"?(role|session\s+authorization|session_authorization|request\.)'
    OR EXISTS (SELECT FROM unnest(f.config) k (entry) WHERE k.entry ~* '^(role|session_authorization|request\.[^=]*)='))
$fn$;
COMMENT ON FUNCTION insforge.lint_l32(insforge.audit_context) IS
'L32 identity_forging_function, described in docs/lints/L32_identity_forging_function.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
