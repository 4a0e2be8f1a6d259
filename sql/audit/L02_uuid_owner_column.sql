-- Ids of other providers are strings: user_2xPn…, auth0|64a…. A uuid column can hold none of them, so every insert
-- fails, and a policy that casts either side fails with it.
-- The whole change for one column, or NULL where something else holds it: a key, a view, a trigger, or a
-- policy that says more than "this column is the caller".
CREATE FUNCTION insforge.audit_owner_to_text(table_id oid, column_number smallint) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH col AS (
    SELECT a.attname, (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
                       WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) AS preset
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = table_id AND a.attnum = column_number),
  holds AS (
    SELECT DISTINCT d.classid, d.objid FROM pg_catalog.pg_depend d
    WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = table_id AND d.refobjsubid = column_number),
  policy AS (
    SELECT p.*, ARRAY(
      SELECT regexp_replace(e.text, '::(text|uuid)|\m(SELECT|AS \w+)\M|[()\s]', '', 'g')
      FROM (VALUES (pg_get_expr(p.polqual, p.polrelid)), (pg_get_expr(p.polwithcheck, p.polrelid))) e (text)
      WHERE e.text IS NOT NULL) AS conditions
    FROM pg_catalog.pg_policy p JOIN holds h ON h.classid = 'pg_catalog.pg_policy'::regclass AND h.objid = p.oid),
  test AS (SELECT format('%I = (SELECT insforge.requesting_user_id())', col.attname) AS sql FROM col),
  made AS (
    SELECT string_agg(format('DROP POLICY %I ON %s;', p.polname, table_id::regclass), E'\n' ORDER BY p.polname) AS drops,
      string_agg(format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s;', p.polname, table_id::regclass,
        CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
        CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        insforge.audit_policy_roles(p.polroles),
        CASE WHEN p.polqual IS NOT NULL THEN format(' USING (%s)', test.sql) END,
        CASE WHEN p.polwithcheck IS NOT NULL THEN format(' WITH CHECK (%s)', test.sql) END), E'\n' ORDER BY p.polname) AS creates
    FROM policy p, test)
  SELECT concat_ws(E'\n', made.drops,
    CASE WHEN col.preset IS NOT NULL THEN format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT;', table_id::regclass, col.attname) END,
    format('ALTER TABLE %s ALTER COLUMN %I TYPE text USING %2$I::text;', table_id::regclass, col.attname),
    CASE WHEN col.preset IS NOT NULL
         THEN format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT insforge.requesting_user_id();', table_id::regclass, col.attname) END,
    made.creates)
  FROM col, made
  WHERE to_regprocedure('insforge.requesting_user_id()') IS NOT NULL
    AND (col.preset IS NULL OR col.preset ~ '(auth\.uid|requesting_user_id)\(\)')
    AND NOT EXISTS (SELECT FROM holds h WHERE h.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_trigger'::regclass)
                    OR (h.classid = 'pg_catalog.pg_attrdef'::regclass
                        AND h.objid NOT IN (SELECT d.oid FROM pg_catalog.pg_attrdef d WHERE d.adrelid = table_id AND d.adnum = column_number))
                    OR (h.classid = 'pg_catalog.pg_constraint'::regclass
                        AND h.objid IN (SELECT k.oid FROM pg_catalog.pg_constraint k WHERE k.contype IN ('f', 'c'))))
    AND NOT EXISTS (SELECT FROM policy p WHERE p.polrelid <> table_id OR NOT p.conditions <@ ARRAY(
          SELECT unnest(ARRAY[quote_ident(col.attname) || '=' || f.call, f.call || '=' || quote_ident(col.attname)])
          FROM unnest('{auth.uid,public.requesting_user_id,insforge.requesting_user_id}'::text[]) f (call)))
$fn$;
COMMENT ON FUNCTION insforge.audit_owner_to_text(oid, smallint) IS
'Statements that turn a uuid owner column into text, its policies made again; NULL where that takes a person.
STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.lint_l02(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'L02', 'critical', 'security', 'An owner column is of type uuid',
    format('The %s is a uuid; ids of other providers are strings, which neither fit into it nor compare with it.', o.object),
    o.object,
    'Make the column text. Policies on it must be dropped and made again around the change.',
    insforge.audit_owner_to_text(t.id, a.attnum),
    'L02:' || o.object
  FROM unnest(context.tables) t
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped
  CROSS JOIN LATERAL (SELECT format('column %I.%I.%I', t.schema_name, t.name, a.attname)) o (object)
  WHERE a.atttypid = 'uuid'::regtype AND NOT t.platform AND (
    -- it stands in a condition with an identity that is text …
    EXISTS (
      SELECT FROM unnest(t.policies) p
      JOIN pg_catalog.pg_proc f ON f.oid = ANY ((p.using_expr).calls || (p.check_expr).calls)
      WHERE a.attnum = ANY ((p.using_expr).owners || (p.check_expr).owners)
        AND f.proname = 'requesting_user_id' AND f.prorettype = 'text'::regtype)
    -- … or is named for the user. A key of a table of the developer's own may well be a uuid; one of auth.users is
    -- the business of L03.
    OR (context.third_party
        AND a.attname IN ('user_id', 'owner_id', 'created_by', 'author_id', 'userId', 'ownerId', 'createdBy', 'authorId')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
                        WHERE k.conrelid = t.id AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum])))
$fn$;
COMMENT ON FUNCTION insforge.lint_l02(insforge.audit_context) IS
'L02 uuid_owner_column, described in docs/lints/L02_uuid_owner_column.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
