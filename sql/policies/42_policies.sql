-- Steps for the policies themselves.

CREATE FUNCTION insforge._rls_policy_ddl(tbl regclass, p jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p ->> 'name', insforge._rls_name(tbl), p ->> 'kind',
    p ->> 'cmd',
    insforge._rls_names(insforge._rls_texts(p -> 'to')))
    || coalesce(' USING (' || (p ->> 'using') || ')', '') || coalesce(' WITH CHECK (' || (p ->> 'check') || ')', '')
$fn$;

-- Specified policies beside what is there. The fingerprint of the statement tells changed options, the seal
-- a policy that somebody altered; a policy that was made from a copied plan has no seal and is believed.
CREATE FUNCTION insforge._rls_compare(tbl regclass, specs jsonb)
RETURNS TABLE (name text, spec jsonb, policy jsonb, ddl text, found boolean, state jsonb, same boolean,
  altered boolean)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH wanted AS (
    SELECT p ->> 'name' AS name, s - 'policies' AS spec, p AS policy, insforge._rls_policy_ddl(tbl, p) AS ddl
    FROM jsonb_array_elements(specs) s, jsonb_array_elements(s -> 'policies') p
  ), actual AS (
    SELECT p.polname::text AS name, insforge._rls_mark(obj_description(p.oid, 'pg_policy')) AS state,
      insforge._rls_seal(p.oid) AS seal
    FROM pg_policy p WHERE p.polrelid = tbl
  )
  SELECT coalesce(w.name, a.name), w.spec, w.policy, w.ddl, a.name IS NOT NULL, a.state,
    coalesce(a.state ->> 'ddl' = md5(w.ddl) AND coalesce(a.state ->> 'seal', a.seal) = a.seal, false),
    coalesce(a.state ->> 'seal' <> a.seal, false)
  FROM wanted w FULL JOIN actual a ON a.name = w.name
  WHERE w.name IS NOT NULL OR a.state IS NOT NULL
$fn$;

CREATE FUNCTION insforge._rls_policy_drops(tbl regclass, specs jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  c record;
BEGIN
  FOR c IN SELECT * FROM insforge._rls_compare(tbl, specs) x ORDER BY x.name LOOP
    IF c.found AND c.state IS NULL THEN
      PERFORM insforge._rls_fail('42710', format('%s has a policy %I that we did not make', insforge._rls_name(tbl),
        c.name),
        format('ALTER POLICY %I ON %s RENAME TO …; or DROP POLICY %1$I ON %2$s;', c.name, insforge._rls_name(tbl)));
    END IF;
    CONTINUE WHEN NOT c.found OR c.same;
    RETURN NEXT insforge._rls_do('drop', format('DROP POLICY %I ON %s', c.name, insforge._rls_name(tbl)),
      CASE WHEN c.policy IS NULL THEN 'it was ours and is no longer wanted'
           WHEN c.altered THEN 'somebody altered it since we made it' ELSE 'its template or options changed' END);
  END LOOP;
END $fn$;

CREATE FUNCTION insforge._rls_policy_creates(tbl regclass, specs jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'policy', c.ddl, c.policy ->> 'why' FROM insforge._rls_compare(tbl, specs) c
  WHERE c.policy IS NOT NULL AND NOT c.same
  ORDER BY array_position('{ALL,SELECT,INSERT,UPDATE,DELETE}', c.policy ->> 'cmd'), c.name
$fn$;

-- The comment that makes a policy ours: for people the first line, for drop_policies the second.
CREATE FUNCTION insforge._rls_comment(spec jsonb, ddl text, memory jsonb, seal text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT format(E'insforge: template %s, options %s; made by insforge.create_policies, '
    'removed by insforge.drop_policies\n%s',
    spec ->> 'template', spec -> 'options',
    jsonb_build_object('slot', spec -> 'slot', 'template', spec -> 'template', 'options', spec -> 'options',
                       'ddl', md5(ddl), 'table', memory) || CASE WHEN seal IS NULL THEN '{}'
                         ELSE jsonb_build_object('seal', seal) END)
$fn$;

CREATE FUNCTION insforge._rls_comment_steps(tbl regclass, specs jsonb, memory jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'comment', format('COMMENT ON POLICY %I ON %s IS %L', c.name, insforge._rls_name(tbl), t.comment),
    'says who made it, and what to restore when it goes'
  FROM insforge._rls_compare(tbl, specs) c,
    LATERAL (SELECT insforge._rls_comment(c.spec, c.ddl, memory, CASE WHEN c.same
      THEN c.state ->> 'seal' END)) AS t(comment)
  WHERE c.policy IS NOT NULL AND (NOT c.same OR insforge._rls_mark(t.comment) <> c.state) ORDER BY c.name
$fn$;

-- What widens our policies, lets nothing through, or leads past them.
CREATE FUNCTION insforge._rls_neighbour_notes(tbl regclass, specs jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT 'note', NULL,
    format('policy %I, which we did not make, applies as well: permissive policies are joined by OR', p.polname)
  FROM pg_policy p
  WHERE p.polrelid = tbl AND p.polpermissive AND insforge._rls_mark(obj_description(p.oid, 'pg_policy')) IS NULL
    AND EXISTS (SELECT FROM jsonb_array_elements(specs) s, jsonb_array_elements(s -> 'policies') w,
      jsonb_array_elements_text(w -> 'to') r
                WHERE w ->> 'kind' = 'PERMISSIVE' AND (p.polroles = '{0}'
                  OR to_regrole(quote_ident(r)) = ANY (p.polroles))
                  AND (p.polcmd = '*' OR p.polcmd = CASE w ->> 'cmd' WHEN 'SELECT' THEN 'r' WHEN 'INSERT'
                    THEN 'a' WHEN 'UPDATE' THEN 'w' ELSE 'd' END))
  UNION ALL
  SELECT 'note', NULL, 'no permissive policy is on the table: with the fence alone nobody it holds back sees a row'
  WHERE EXISTS (SELECT FROM jsonb_array_elements(specs) s WHERE s ->> 'slot' = 'fence')
    AND NOT EXISTS (SELECT FROM jsonb_array_elements(specs) s WHERE s ->> 'slot' <> 'fence')
    AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = tbl AND p.polpermissive)
  UNION ALL
  -- Of tables that inherit, Postgres asks only the one that the query names.
  SELECT 'note', NULL, format('%s %s: whoever asks that table sees rows of this one by its own policies and '
    'privileges only. Protect it as well', insforge._rls_name(other.id), other.tie)
  FROM (SELECT i.inhrelid, 'inherits from it' FROM pg_inherits i WHERE i.inhparent = tbl
        UNION ALL SELECT i.inhparent, 'is what it inherits from' FROM pg_inherits i WHERE i.inhrelid = tbl)
    AS other(id, tie)
  JOIN pg_class c ON c.oid = other.id
  WHERE specs <> '[]' AND NOT c.relispartition AND NOT c.relrowsecurity
$fn$;
