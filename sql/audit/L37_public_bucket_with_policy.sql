-- Downloads from a public bucket never consult policies. One that restricts reading in it protects nothing.
CREATE FUNCTION insforge.audit_constant_pattern(value text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  -- Four bytes of length, then the text; a byte above 127 is printed as the machine's char has it.
  SELECT format(':constvalue %s \[( -?\d+){4} %s \]', octet_length(b.bytes) + 4, string_agg(
    CASE WHEN get_byte(b.bytes, n) > 127 THEN format('(%s|%s)', get_byte(b.bytes, n), get_byte(b.bytes, n) - 256)
         ELSE get_byte(b.bytes, n)::text END, ' ' ORDER BY n))
  FROM (SELECT convert_to(value, getdatabaseencoding())) b (bytes), generate_series(0, octet_length(b.bytes) - 1) n
  GROUP BY b.bytes
$fn$;
COMMENT ON FUNCTION insforge.audit_constant_pattern(text) IS
'Regular expression for a text constant in an expression tree. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.lint_l37(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  buckets CONSTANT oid := insforge.audit_relation('storage', 'buckets');
  public_buckets text[];
BEGIN
  -- The one place where data is looked at: which buckets are public is no matter of the catalog. Only if reading
  -- cannot run anybody's code with the auditor's rights: a plain table, types of the server's, no policy in force.
  IF buckets IS NULL OR NOT has_schema_privilege('storage', 'USAGE') OR NOT has_table_privilege(buckets, 'SELECT')
     OR row_security_active(buckets)
     OR NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = buckets AND c.relkind = 'r')
     OR (SELECT count(*) FROM pg_catalog.pg_attribute a WHERE a.attrelid = buckets AND NOT a.attisdropped
         AND (a.attname = 'name' AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
              OR a.attname = 'public' AND a.atttypid = 'boolean'::regtype)) < 2 THEN
    RETURN;
  END IF;
  EXECUTE 'SELECT array_agg(b.name) FROM ONLY storage.buckets b WHERE b.public' INTO public_buckets;
  RETURN QUERY
  SELECT 'L37', 'warning', 'security', 'A policy restricts reading in a public bucket',
    format('The %s restricts reading in %s, which is public: downloads go past it.', p.object, string_agg(quote_ident(b.name), ', ' ORDER BY b.name)),
    p.object,
    'Make the bucket private, or drop the restriction so that nobody relies on it.',
    NULL::text, 'L37:' || p.object
  FROM unnest(context.tables) t
  CROSS JOIN unnest(t.policies) p
  JOIN pg_catalog.pg_policy q ON q.polrelid = t.id AND q.polname = p.name
  JOIN unnest(public_buckets) b (name) ON q.polqual::text ~ insforge.audit_constant_pattern(b.name)
  WHERE t.schema_name = 'storage' AND t.name = 'objects' AND p.command IN ('SELECT', 'ALL')
    AND cardinality((p.using_expr).pins) > 0
  GROUP BY p.object;
END
$fn$;
COMMENT ON FUNCTION insforge.lint_l37(insforge.audit_context) IS
'L37 public_bucket_with_policy, described in docs/lints/L37_public_bucket_with_policy.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
