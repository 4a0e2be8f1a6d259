-- The transaction hash is what a payment is proven by. Unless it is unique and present, one payment can be recorded,
-- and delivered for, more than once.
CREATE FUNCTION insforge.lint_l42(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH keyed AS (
    SELECT l.*,
      EXISTS (SELECT FROM pg_catalog.pg_index i
              WHERE i.indrelid = l.id AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                AND l.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
                -- Next to it only what a hash needs to be one: its chain, and its place in the transaction.
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute k
                                WHERE k.attrelid = l.id AND k.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) AND k.attnum <> l.attnum
                                  AND lower(k.attname) !~ '^(chain|chain_?id|network|asset|log_?index)$')) AS unique_hash,
      EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute k ON k.attrelid = l.id AND k.attnum = ANY (i.indkey)
              WHERE i.indrelid = l.id AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                AND lower(k.attname) ~ '(^|_)(nonce|authorization|idempotency_key)$') AS otherwise_unique,
      a.attnotnull, place.attname IS NOT NULL AS in_batches, place.attnotnull AS placed
    FROM insforge.audit_ledgers(context) l
    JOIN pg_catalog.pg_attribute a ON a.attrelid = l.id AND a.attnum = l.attnum
    LEFT JOIN pg_catalog.pg_attribute place ON place.attrelid = l.id AND place.attname = 'log_index' AND NOT place.attisdropped)
  SELECT 'L42', 'critical', 'security', 'A settled payment can be recorded twice',
    format('The %s %s.', o.object, concat_ws(' and ', CASE WHEN NOT k.unique_hash THEN 'has no unique index' END,
                                                    CASE WHEN NOT k.attnotnull THEN 'may be NULL' END)),
    o.object,
    'Make the column NOT NULL and UNIQUE. If rows exist before they are settled, give them another unique key, such as the nonce of the authorization.',
    -- Beside a place that may be NULL a hash fits in twice.
    CASE WHEN k.unique_hash OR k.otherwise_unique OR k.placed IS NOT FALSE THEN concat_ws(E'\n',
      CASE WHEN NOT k.unique_hash THEN format('CREATE UNIQUE INDEX ON %s (%I%s);', k.id::regclass, k.attname, CASE WHEN k.in_batches THEN ', log_index' END) END,
      CASE WHEN NOT k.attnotnull AND NOT k.otherwise_unique THEN format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', k.id::regclass, k.attname) END) END,
    'L42:' || o.object
  FROM keyed k
  CROSS JOIN LATERAL (SELECT format('column %I.%I.%I', k.schema_name, k.name, k.attname)) o (object)
  WHERE NOT k.ours AND (NOT k.unique_hash OR NOT (k.attnotnull OR k.otherwise_unique))
$fn$;
COMMENT ON FUNCTION insforge.lint_l42(insforge.audit_context) IS
'L42 settlement_not_unique, described in docs/lints/L42_settlement_not_unique.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
