-- Every query on the table filters by the policy's column, whatever else it asks for. Only an index that starts with
-- the column serves that.
CREATE FUNCTION insforge.lint_l25(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L25', 'warning', 'performance', 'A policy column is not indexed',
    format('Policies compare %s with the caller, and no index starts with it: every query reads the whole table.', o.object),
    o.object,
    'Create an index on the column; on a large table in use with CREATE INDEX CONCURRENTLY.',
    format('CREATE INDEX ON %s (%I);', t.id::regclass, a.attname),
    'L25:' || o.object
  FROM unnest(context.tables) t
  CROSS JOIN LATERAL (SELECT DISTINCT n.attnum FROM unnest(t.policies) p, unnest((p.using_expr).key_columns) n (attnum)
                      WHERE n.attnum > 0) searched
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum = searched.attnum
  CROSS JOIN LATERAL (SELECT format('column %I.%I.%I', t.schema_name, t.name, a.attname)) o (object)
  WHERE NOT t.platform AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid = c.relam
    WHERE i.indrelid = t.id AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL AND m.amname IN ('btree', 'hash'))
$fn$;
COMMENT ON FUNCTION insforge.lint_l25(insforge.audit_context) IS
'L25 policy_column_unindexed, described in docs/lints/L25_policy_column_unindexed.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
