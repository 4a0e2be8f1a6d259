-- Binary floating point cannot hold 0.1, let alone a token amount of 78 digits. Text can, and anything else too.
CREATE FUNCTION insforge.lint_l44(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH money AS (
    SELECT t.id, t.schema_name, t.name, a.attname::text, a.attnum, a.atttypid,
      lower(regexp_replace(a.attname, '([a-z])([A-Z])', '\1_\2', 'g')) AS word
    FROM unnest(context.tables) t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped
    WHERE NOT t.platform AND a.atttypid IN ('real'::regtype, 'double precision'::regtype, 'text'::regtype, 'varchar'::regtype)),
  wrong AS (
    SELECT m.*, m.atttypid IN ('real'::regtype, 'double precision'::regtype) AS floating FROM money m
    WHERE CASE WHEN m.atttypid IN ('real'::regtype, 'double precision'::regtype)
               THEN m.word ~ '(^|_)(amount|price|balance|subtotal|fee|cost|payout|deposit)s?(_|$)'
               ELSE m.word ~ '(^|_)amount(_|$)' AND m.word !~ '(currency|unit|type|label|name|text|formatted|display)'
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = m.id AND k.contype = 'c' AND m.attnum = ANY (k.conkey)) END)
  SELECT 'L44', 'warning', 'health', 'An amount of money has the wrong type',
    CASE WHEN w.floating THEN format('The %s is floating point: sums of it drift.', o.object)
         ELSE format('The %s is text without a CHECK: it may hold what is no number.', o.object) END,
    o.object,
    'numeric(78,0) holds any token amount in its smallest unit; numeric an amount with decimals. Text needs a CHECK.',
    CASE WHEN NOT w.floating THEN format('ALTER TABLE %s ADD CHECK (%I ~ ''^-?[0-9]+(\.[0-9]+)?$'') NOT VALID;', w.id::regclass, w.attname)
         WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_depend d  -- what stands on the column may not survive another type
                          WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = w.id AND d.refobjsubid = w.attnum
                            AND d.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_policy'::regclass, 'pg_catalog.pg_trigger'::regclass,
                                              'pg_catalog.pg_constraint'::regclass, 'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_attrdef'::regclass))
         THEN format('ALTER TABLE %s ALTER COLUMN %I TYPE numeric USING %2$I::numeric;', w.id::regclass, w.attname) END,
    'L44:' || o.object
  FROM wrong w
  CROSS JOIN LATERAL (SELECT format('column %I.%I.%I', w.schema_name, w.name, w.attname)) o (object)
$fn$;
COMMENT ON FUNCTION insforge.lint_l44(insforge.audit_context) IS
'L44 amount_type, described in docs/lints/L44_amount_type.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
