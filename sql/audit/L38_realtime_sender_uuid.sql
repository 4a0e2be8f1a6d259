-- Realtime writes the caller's id into sender_id. A string id does not fit into a uuid: publishing fails, and the
-- failure is swallowed and reported as "denied".
CREATE FUNCTION insforge.lint_l38(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L38', 'critical', 'health', 'Realtime cannot store a string id',
    format('The %s is a uuid: a user with a string id cannot publish, and is told that it is not allowed.', o.object),
    o.object,
    'The owner of the table makes the column text.',
    -- A view, policy or trigger on the column would refuse the change.
    CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                          WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.id AND d.refobjsubid = a.attnum
                            AND d.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_policy'::regclass,
                                              'pg_catalog.pg_trigger'::regclass, 'pg_catalog.pg_constraint'::regclass))
         THEN format('ALTER TABLE %s ALTER COLUMN sender_id TYPE text USING sender_id::text;', t.id::regclass) END,
    'L38:' || o.object
  FROM unnest(context.tables) t
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attname = 'sender_id' AND a.atttypid = 'uuid'::regtype
  CROSS JOIN LATERAL (SELECT format('column %I.%I.%I', t.schema_name, t.name, a.attname)) o (object)
  WHERE t.schema_name = 'realtime' AND t.name = 'messages' AND t.platform AND context.third_party
$fn$;
COMMENT ON FUNCTION insforge.lint_l38(insforge.audit_context) IS
'L38 realtime_sender_uuid, described in docs/lints/L38_realtime_sender_uuid.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
