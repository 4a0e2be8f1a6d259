-- A template turns a table and its options into a specification, a JSON object:
--   slot      what it replaces: the same slot on the same table holds one template at a time
--   policies  [{name, cmd, to, kind, using, check, why}]
--   columns   [{name, option, id, not_null, default}]: id columns are compared with an identity
--   index     [column]: columns a policy searches by
--   grants    {role: [privilege]}; narrow: these and no others
--   keep      {columns, method}: columns that an update may not change
--   guard     refuse UPDATE, DELETE and TRUNCATE to everybody
--   helpers   [{name, signature, ddl, why}]: functions that the policies call

CREATE FUNCTION insforge._rls_is_me(col text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp
-- In a sub-select it is evaluated once per statement and not per row, with and without an index.
AS $fn$ SELECT format('%I = (select insforge.requesting_user_id())', col) $fn$;

-- The sub-select makes an InitPlan of it, the cast an index condition: 0.2 ms on a million rows, where
-- a function that takes the row's organisation is called a million times.
CREATE FUNCTION insforge._rls_in_my_orgs(expression text, roles text[] DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT format('%s = any ((select insforge.org_ids(%s))::text[])', expression,
    coalesce(quote_literal(roles::text) || '::text[]', ''))
$fn$;

CREATE FUNCTION insforge._rls_policy(
  name text, cmd text, roles jsonb, using_expr text, check_expr text, why text, kind text DEFAULT 'PERMISSIVE'
) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_object('name', insforge._rls_fit(name), 'cmd', cmd, 'to', roles, 'kind', kind,
                            'using', using_expr, 'check', check_expr, 'why', why)
$fn$;

-- Select, insert, update and delete of a row that satisfies one condition.
CREATE FUNCTION insforge._rls_four(prefix text, roles jsonb, condition text, whose text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_array(
    insforge._rls_policy(prefix || '_select', 'SELECT', roles, condition, NULL, 'read ' || whose),
    insforge._rls_policy(prefix || '_insert', 'INSERT', roles, NULL, condition, 'insert ' || whose),
    insforge._rls_policy(prefix || '_update', 'UPDATE', roles, condition, condition, 'change ' || whose
      || ', which stay one''s own'),
    insforge._rls_policy(prefix || '_delete', 'DELETE', roles, condition, NULL, 'delete ' || whose))
$fn$;

CREATE FUNCTION insforge._rls_grants(roles jsonb, privileges text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT jsonb_object_agg(r, to_jsonb(privileges)) FROM jsonb_array_elements_text(roles) r $fn$;

-- A column that holds a user's or an organisation's id; owner says whose: user or org.
CREATE FUNCTION insforge._rls_id_column(options jsonb, option text, owner text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_object('name', options ->> option, 'option', option, 'id', true,
    'not_null', options -> 'not_null',
    'default', CASE WHEN (options ->> 'default')::boolean THEN
      CASE owner WHEN 'user' THEN 'insforge.requesting_user_id()' ELSE 'insforge.org_id()' END END)
$fn$;

CREATE FUNCTION insforge._rls_keep(options jsonb, columns text[], usual text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT jsonb_build_object('columns', array_remove(columns, NULL), 'method',
    coalesce(options ->> 'immutable', usual))
$fn$;

-- The only column of a foreign key from one table to another.
CREATE FUNCTION insforge._rls_link(source regclass, target regclass) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT max(a.attname) FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
  WHERE c.conrelid = source AND c.confrelid = target AND c.contype = 'f' AND cardinality(c.conkey) = 1
  HAVING count(DISTINCT a.attname) = 1
$fn$;

CREATE FUNCTION insforge._rls_other_table(name text, option text) RETURNS regclass
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  found regclass;
BEGIN
  BEGIN
    found := coalesce(to_regclass(name), to_regclass('public.' || name));
  EXCEPTION WHEN OTHERS THEN
    found := NULL;  -- not even a name
  END;
  IF found IS NULL THEN
    PERFORM insforge._rls_fail('42P01', format('option "%s" names "%s", which does not exist', option, name),
      'Name it with its schema, for instance app.note_shares; quote mixed case as in SQL.');
  END IF;
  PERFORM insforge._rls_check_relation(found);
  RETURN found;
END $fn$;
