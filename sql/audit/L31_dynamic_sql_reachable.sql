-- Everything logs in as the superuser and steps down with SET ROLE. Text that a caller gets executed in an invoker
-- function can step up again: RESET ROLE.
CREATE FUNCTION insforge.lint_l31(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH statement AS (
    SELECT f.object, f.body, s.hit[1] AS text, ARRAY(SELECT unnest(q.proargnames)) AS arguments
    FROM unnest(context.functions) f
    JOIN pg_catalog.pg_proc q ON q.oid = f.id
    CROSS JOIN LATERAL regexp_matches(f.body, '\mexecute\s+([^;]+)', 'gi') s (hit)
    WHERE f.audited AND f.language = 'plpgsql' AND NOT f.definer AND f.callable
      AND f.returns NOT IN ('trigger'::regtype, 'event_trigger'::regtype)),
  -- EXECUTE of a variable means what the variable was given.
  source AS (
    SELECT s.object, s.text FROM statement s
    UNION ALL
    SELECT s.object, g.hit[1] FROM statement s,
      LATERAL regexp_matches(s.body, '\m' || substring(s.text FROM '^\w+') || '\s*:?=\s*([^;]+)', 'gi') g (hit)
    WHERE s.text ~* '^\w+\s*($|\m(into|using)\M)'
    UNION ALL
    SELECT s.object, 'argument || argument' FROM statement s
    WHERE s.text ~* '^\w+\s*($|\m(into|using)\M)' AND substring(s.text FROM '^\w+') = ANY (s.arguments))
  SELECT 'L31', 'critical', 'security', 'Callers can reach dynamic SQL',
    format('The %s builds a statement from unquoted input and anon or authenticated may call it: injected text can RESET ROLE to the superuser that logged in.', s.object),
    s.object,
    'Quote with format(''%I'', …) and format(''%L'', …) or pass values with USING. Otherwise make it SECURITY DEFINER under a weak owner.',
    NULL, 'L31:' || s.object
  FROM source s, LATERAL (
    -- What stays after quoted parts, literals and the USING list are taken away.
    SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(s.text,
             '\mquote_(ident|literal|nullable)\s*\([^()]*\)', '''''', 'gi'),
             '\$(\w*)\$.*?\$\1\$', '''''', 'g'),
             '''(?:[^'']|'''')*''', '''''', 'g'),
             '\musing\M.*$', '', 'i')) r (rest)
  WHERE r.rest ~ '\|\|\s*[\w"$(]' OR r.rest ~ '[\w")\]]\s*\|\|' OR r.rest ~* '\mconcat(_ws)?\s*\([^)]*\w'
     OR (s.text ~* '\mformat\s*\(' AND s.text ~ '%(\d+\$)?-?\d*s' AND s.text !~* '::\s*reg|\mquote_')
  GROUP BY s.object
$fn$;
COMMENT ON FUNCTION insforge.lint_l31(insforge.audit_context) IS
'L31 dynamic_sql_reachable, described in docs/lints/L31_dynamic_sql_reachable.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
