-- Pieces of repair SQL that several lints share.

CREATE FUNCTION insforge.audit_policy_roles(roles oid[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT string_agg(CASE r.id WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r.id)) END, ', ' ORDER BY r.n)
  FROM unnest(roles) WITH ORDINALITY r (id, n)
$fn$;
COMMENT ON FUNCTION insforge.audit_policy_roles(oid[]) IS
'The TO list of a policy. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_column_names(table_id oid, columns smallint[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = table_id AND a.attnum = ANY (columns) AND a.attnum > 0
$fn$;
COMMENT ON FUNCTION insforge.audit_column_names(oid, smallint[]) IS
'Names of columns by number, in table order. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

-- The column that says whose a row is, by the names people give it; one that holds text.
CREATE FUNCTION insforge.audit_owner_column(table_id oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT a.attname::text FROM pg_catalog.pg_attribute a
  JOIN unnest('{user_id,owner_id,created_by,author_id,owner,userId,ownerId,uploaded_by}'::text[])
       WITH ORDINALITY w (name, rank) ON w.name = a.attname
  WHERE a.attrelid = table_id AND a.attnum > 0 AND NOT a.attisdropped
    AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
  ORDER BY w.rank LIMIT 1
$fn$;
COMMENT ON FUNCTION insforge.audit_owner_column(oid) IS
'The text column named like an owner column, or NULL. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_owner_test(table_id oid, column_name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE
    WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype) AND to_regprocedure('insforge.requesting_user_id()') IS NOT NULL
      THEN format('%I = (SELECT insforge.requesting_user_id())', a.attname)
    WHEN a.atttypid = 'uuid'::regtype AND insforge.audit_routine('auth', 'uid') IS NOT NULL
      THEN format('%I = (SELECT auth.uid())', a.attname)
  END
  FROM pg_catalog.pg_attribute a WHERE a.attrelid = table_id AND a.attname = column_name
$fn$;
COMMENT ON FUNCTION insforge.audit_owner_test(oid, text) IS
'The condition that a row is the caller''s, or NULL where there is no identity of the column''s type. STABLE,
PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_owner_policies(table_id oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT string_agg(format('CREATE POLICY %I ON %s FOR %s TO authenticated%s%s;',
      'owner_' || lower(v.command), table_id::regclass, v.command,
      CASE WHEN v.command <> 'INSERT' THEN format(' USING (%s)', t.test) END,
      CASE WHEN v.command IN ('INSERT', 'UPDATE') THEN format(' WITH CHECK (%s)', t.test) END), E'\n' ORDER BY v.n)
  FROM unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) WITH ORDINALITY v (command, n),
       insforge.audit_owner_test(table_id, insforge.audit_owner_column(table_id)) t (test)
  WHERE t.test IS NOT NULL AND to_regrole('authenticated') IS NOT NULL
$fn$;
COMMENT ON FUNCTION insforge.audit_owner_policies(oid) IS
'One policy per command for the table''s owner column; NULL without such a column. STABLE, PARALLEL SAFE.
Execute: whoever may audit.';

-- A call as pg_get_expr() writes it, its arguments free of further calls.
CREATE FUNCTION insforge.audit_call_pattern(function_id oid) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT '(?<![\w".])' || regexp_replace(
           CASE n.nspname WHEN 'pg_catalog' THEN quote_ident(p.proname) ELSE format('%I.%I', n.nspname, p.proname) END,
           '([^\w"])', '\\\1', 'g') || $r$\((?:[^()']|'[^']*')*\)$r$
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = function_id
$fn$;
COMMENT ON FUNCTION insforge.audit_call_pattern(oid) IS
'Regular expression for a call of the function. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_rewrite(expression text, patterns text[], replacements text[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  bare text;
BEGIN
  FOR i IN 1 .. cardinality(patterns) LOOP
    -- What looks like a call may stand inside a string: then a person has to look. A pattern with a quote of its own
    -- cannot match there, where quotes are doubled.
    IF strpos(expression, '''') > 0 AND patterns[i] !~ '''\w' THEN
      bare := regexp_replace(expression, '''(?:[^'']|'''')*''', '''''', 'g');
      IF cardinality(regexp_split_to_array(bare, patterns[i])) <> cardinality(regexp_split_to_array(expression, patterns[i])) THEN
        RETURN NULL;
      END IF;
    END IF;
    expression := regexp_replace(expression, patterns[i], replacements[i], 'g');
  END LOOP;
  RETURN expression;
END $fn$;
COMMENT ON FUNCTION insforge.audit_rewrite(text, text[], text[]) IS
'Applies replacements to deparsed SQL; NULL for NULL and where one would touch a string. STABLE, PARALLEL SAFE.
Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_alter_policy(table_id oid, policy text, patterns text[], replacements text[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  old_qual text; old_check text; new_qual text; new_check text;
BEGIN
  SELECT pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid) INTO old_qual, old_check
  FROM pg_catalog.pg_policy p WHERE p.polrelid = table_id AND p.polname = policy;
  new_qual := CASE WHEN old_qual IS NOT NULL THEN insforge.audit_rewrite(old_qual, patterns, replacements) END;
  new_check := CASE WHEN old_check IS NOT NULL THEN insforge.audit_rewrite(old_check, patterns, replacements) END;
  IF (old_qual IS NULL) <> (new_qual IS NULL) OR (old_check IS NULL) <> (new_check IS NULL)
     OR (new_qual IS NOT DISTINCT FROM old_qual AND new_check IS NOT DISTINCT FROM old_check) THEN
    RETURN NULL;
  END IF;
  RETURN format('ALTER POLICY %I ON %s', policy, table_id::regclass)
    || coalesce(' USING (' || new_qual || ')', '') || coalesce(' WITH CHECK (' || new_check || ')', '') || ';';
END $fn$;
COMMENT ON FUNCTION insforge.audit_alter_policy(oid, text, text[], text[]) IS
'ALTER POLICY with its expressions rewritten; NULL where nothing changes or a string would. STABLE, PARALLEL
SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_column_guarded(table_id oid, attnum smallint, runtime oid[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT NOT EXISTS (SELECT FROM unnest(runtime) r (id) WHERE has_column_privilege(r.id, table_id, attnum, 'UPDATE'))
    OR EXISTS (SELECT FROM pg_catalog.pg_trigger t  -- 1: per row, 2: before, 16: on update
               WHERE t.tgrelid = table_id AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 19 = 19)
$fn$;
COMMENT ON FUNCTION insforge.audit_column_guarded(oid, smallint, oid[]) IS
'Whether something besides policies keeps these roles from changing a column: no privilege, or a trigger
before updates. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_grantees(runtime oid[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT concat_ws(', ', 'PUBLIC', string_agg(quote_ident(pg_get_userbyid(r.id)), ', ' ORDER BY r.n))
  FROM unnest(runtime) WITH ORDINALITY r (id, n)
$fn$;
COMMENT ON FUNCTION insforge.audit_grantees(oid[]) IS
'PUBLIC and the runtime roles, for a REVOKE. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_fenced(policies insforge.audit_policy[], policy insforge.audit_policy) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT EXISTS (SELECT FROM unnest(policies) r
    WHERE NOT r.permissive AND r.command IN ((policy).command, 'ALL')
      AND (r.runtime @> (policy).runtime OR 0 = ANY (r.roles))
      AND cardinality((coalesce(r.check_expr, r.using_expr)).pins) > 0)
$fn$;
COMMENT ON FUNCTION insforge.audit_fenced(insforge.audit_policy[], insforge.audit_policy) IS
'Whether a restrictive policy of the table asks who the caller is wherever this one applies. STABLE, PARALLEL
SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_only_reads(f insforge.audit_function) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT (f).language IN ('sql', 'plpgsql') AND (f).body !~*
    '\m(insert|update|delete|merge|truncate|create|drop|alter|grant|revoke|copy|lock|notify|listen|set|reset|execute|call|perform|nextval|setval|set_config|random|clock_timestamp|gen_random_uuid|dblink\w*|http\w*|pg_(advisory|notify|try)\w*)\M'
$fn$;
COMMENT ON FUNCTION insforge.audit_only_reads(insforge.audit_function) IS
'Whether nothing in the body hints at a write or at a value that changes within a statement. STABLE, PARALLEL
SAFE. Execute: whoever may audit.';
