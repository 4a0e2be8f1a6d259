-- Who may subscribe is a SELECT on realtime.channels, who may publish an INSERT on realtime.messages. With row-level
-- security off everybody may do both, on every channel.
CREATE FUNCTION insforge.lint_l39(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L39', 'warning', 'security', 'Realtime is open to everybody',
    format('The %s has row-level security off: anon or authenticated may %s on every channel.', t.object,
           CASE t.name WHEN 'channels' THEN 'subscribe' ELSE 'publish' END),
    t.object,
    'Enable row-level security with a policy per channel, for instance with the template realtime_channel of insforge.create_policies().',
    NULL, 'L39:' || t.object
  FROM unnest(context.tables) t
  WHERE t.schema_name = 'realtime' AND t.platform AND t.name IN ('channels', 'messages')
    AND NOT t.rls AND cardinality(t.policies) = 0
    AND (CASE t.name WHEN 'channels' THEN 'SELECT' ELSE 'INSERT' END) = ANY (t.privileges)
$fn$;
COMMENT ON FUNCTION insforge.lint_l39(insforge.audit_context) IS
'L39 realtime_open, described in docs/lints/L39_realtime_open.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
