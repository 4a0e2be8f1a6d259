-- Every policy rests on requesting_user_id(). It must be there, return text, be STABLE, and be one: with copies in
-- several schemas a policy may ask the one that nobody maintains. And whatever stands between it and a policy must not
-- promise the same answer to everybody.
CREATE FUNCTION insforge.lint_l04(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH helper AS (
    SELECT p.oid AS id, n.nspname, p.prorettype, p.provolatile, p.proretset,
      n.nspname <> 'public' AND EXISTS (
        SELECT FROM pg_catalog.pg_proc q JOIN pg_catalog.pg_namespace m ON m.oid = q.pronamespace
        WHERE q.proname = p.proname AND q.pronargs = 0 AND q.oid <> p.oid AND m.nspname <> 'insforge'
          AND (m.nspname = 'public' OR m.nspname < n.nspname)) AS copy
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname = 'requesting_user_id' AND p.pronargs = 0),
  wrong AS (
    SELECT format('function %s', h.id::regprocedure) AS object, concat_ws(', ',
        CASE WHEN h.prorettype <> 'text'::regtype OR h.proretset THEN 'returns ' || format_type(h.prorettype, NULL) || ', not text' END,
        CASE h.provolatile WHEN 'v' THEN 'is VOLATILE, not STABLE' WHEN 'i' THEN 'is IMMUTABLE, so that a plan may keep another user''s id' END,
        CASE WHEN h.copy THEN 'is a second one of that name' END) AS faults,
      CASE WHEN h.provolatile <> 's' AND h.prorettype = 'text'::regtype AND NOT h.proretset AND NOT h.copy
           THEN format('ALTER FUNCTION %s STABLE;', h.id::regprocedure) END AS fix
    FROM helper h WHERE h.id IN (SELECT f.id FROM unnest(context.functions) f WHERE f.audited)
    UNION ALL
    SELECT f.object, 'asks who is calling and is IMMUTABLE, so that a plan may keep another user''s answer',
      format('ALTER FUNCTION %s STABLE;', f.id::regprocedure)
    FROM unnest(context.functions) f
    WHERE f.audited AND f.in_policy AND f.volatility = 'immutable' AND f.id = ANY (context.callers)
      AND f.name <> 'requesting_user_id'
    UNION ALL
    SELECT 'database ' || quote_ident(current_database()), 'has no requesting_user_id()', NULL
    WHERE context.whole_database AND context.third_party AND NOT EXISTS (SELECT FROM helper))
  SELECT 'L04', 'critical', 'security', 'The identity function is missing or wrong',
    format('The %s %s.', w.object, w.faults), w.object,
    'Use insforge.requesting_user_id() everywhere; insforge.adopt_requesting_user_id() puts its body into the one a guide made.',
    w.fix, 'L04:' || w.object
  FROM wrong w WHERE w.faults <> ''
$fn$;
COMMENT ON FUNCTION insforge.lint_l04(insforge.audit_context) IS
'L04 helper_missing_or_wrong, described in docs/lints/L04_helper_missing_or_wrong.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
