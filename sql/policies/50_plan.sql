-- All steps, in the order in which the statements must run: the table is closed at every moment at which
-- it was closed before, and each statement finds what it needs.
CREATE FUNCTION insforge._rls_plan(tbl regclass, specs jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  memory jsonb := insforge._rls_memory(tbl);
  next_memory jsonb := insforge._rls_column_memory(tbl, specs, memory)
    || insforge._rls_privilege_memory(tbl, specs, memory) || insforge._rls_access_memory(tbl, specs, memory);
BEGIN
  IF specs = '[]' AND NOT EXISTS (SELECT FROM insforge._rls_managed(tbl)) THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT * FROM insforge._rls_mend_steps(tbl, specs);
  RETURN QUERY SELECT * FROM insforge._rls_column_steps(tbl, specs, memory);
  RETURN QUERY SELECT * FROM insforge._rls_index_steps(tbl, specs);
  RETURN QUERY SELECT * FROM insforge._rls_policy_drops(tbl, specs);
  RETURN QUERY SELECT * FROM insforge._rls_helper_drops(specs, memory);
  RETURN QUERY SELECT * FROM insforge._rls_helper_steps(specs, memory);
  RETURN QUERY SELECT * FROM insforge._rls_policy_creates(tbl, specs);
  RETURN QUERY SELECT * FROM insforge._rls_trigger_steps(tbl, specs);
  RETURN QUERY SELECT * FROM insforge._rls_privilege_steps(tbl, specs, memory);
  RETURN QUERY SELECT * FROM insforge._rls_access_steps(tbl, specs, memory);
  RETURN QUERY SELECT * FROM insforge._rls_switch_steps(tbl, specs, memory);
  RETURN QUERY SELECT * FROM insforge._rls_comment_steps(tbl, specs, next_memory);
  RETURN QUERY SELECT * FROM insforge._rls_neighbour_notes(tbl, specs);
END $fn$;

CREATE FUNCTION insforge.plan_policies(tbl regclass, template text, options jsonb DEFAULT '{}')
RETURNS TABLE (step integer, kind text, ddl text, reason text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  fresh jsonb;
BEGIN
  PERFORM insforge._rls_check_relation(tbl);
  fresh := insforge._rls_spec(tbl, template, options);
  RETURN QUERY SELECT p.ordinality::integer, p.kind, p.ddl, p.reason
    FROM insforge._rls_plan(tbl, insforge._rls_wanted(tbl, fresh ->> 'slot', fresh)) WITH ORDINALITY p;
END $fn$;
COMMENT ON FUNCTION insforge.plan_policies(regclass, text, jsonb) IS
'What insforge.create_policies would do, statement by statement with its reason; rows of kind note have no
statement. Nothing is changed. Templates and options: insforge.policy_templates(). STABLE, PARALLEL UNSAFE, with
the caller''s own rights. Errors: 22004 a NULL, 22023 unknown template or option or a value that does not fit,
42P01 no such table, 42809 not a table that can have policies, 42703 no such column, 42804 a column that is
not text, 42P22 a collation without exact equality, 42704 no such role, 42830 shares without a foreign key, 42710 an object of that name that we
did not make, 2BP01 policies in the way of mend, 55000 a table of shares without row-level security or that binds its
owner, 42501 one that the table''s owner may not read. Execute: owner and developers.';

CREATE FUNCTION insforge.policy_sets(tbl regclass DEFAULT NULL)
RETURNS TABLE (relation regclass, slot text, template text, options jsonb, policies text[])
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT p.polrelid::regclass, m.state ->> 'slot', m.state ->> 'template', m.state -> 'options',
    array_agg(p.polname::text ORDER BY p.polname)
  FROM pg_policy p, LATERAL insforge._rls_mark(obj_description(p.oid, 'pg_policy')) AS m(state)
  WHERE m.state IS NOT NULL AND (tbl IS NULL OR p.polrelid = tbl)
  GROUP BY 1, 2, 3, 4 ORDER BY 1, 2
$fn$;
COMMENT ON FUNCTION insforge.policy_sets(regclass) IS
'What insforge.create_policies has made, on one table or (NULL) on all: a slot holds one template at a time.
STABLE, PARALLEL UNSAFE, with the caller''s own rights. No errors. Execute: owner and developers.';
