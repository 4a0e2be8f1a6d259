-- Steps for privileges. Row-level security filters what grants have let in; TRUNCATE and a grant to PUBLIC
-- it does not filter at all.

CREATE FUNCTION insforge._rls_acl(relation oid, roles jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH held AS (
    SELECT a.grantee, a.privilege_type, NULL::name AS col, a.is_grantable
    FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = relation
    UNION ALL
    SELECT a.grantee, a.privilege_type, t.attname, a.is_grantable
    FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = relation AND NOT t.attisdropped
  )
  SELECT DISTINCT jsonb_build_array(r.rolname, h.privilege_type, h.col, h.is_grantable)
  FROM held h LEFT JOIN pg_roles r ON r.oid = h.grantee
  WHERE roles @> to_jsonb(ARRAY[r.rolname::text])
$fn$;

CREATE FUNCTION insforge._rls_role_ident(role jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT CASE WHEN role = 'null' THEN 'PUBLIC' ELSE quote_ident(role #>> '{}') END $fn$;

-- Statements that grant a set of privileges, few and in a stable order.
CREATE FUNCTION insforge._rls_grant_ddl(relation text, privileges jsonb[]) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH item AS (SELECT p -> 0 AS role, p ->> 1 AS privilege, p ->> 2 AS col, (p ->> 3)::boolean AS opt
    FROM unnest(privileges) p),
  part AS (
    SELECT role, opt, privilege || CASE WHEN bool_or(col IS NULL) THEN ''
      ELSE format(' (%s)', string_agg(quote_ident(col), ', ' ORDER BY col)) END AS what,
      array_position('{SELECT,INSERT,UPDATE,DELETE}', privilege) AS at
    FROM item GROUP BY role, opt, privilege, col IS NULL
  )
  SELECT format('GRANT %s ON TABLE %s TO %s%s', string_agg(what, ', ' ORDER BY at, what), relation,
    insforge._rls_role_ident(role),
                CASE WHEN opt THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM part GROUP BY role, opt ORDER BY role, opt
$fn$;

-- What the specifications grant on the table.
CREATE FUNCTION insforge._rls_granted(tbl regclass, specs jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH item AS (
    SELECT g.key AS role, p AS privilege FROM jsonb_array_elements(specs) s, jsonb_each(s -> 'grants') g,
      jsonb_array_elements_text(g.value) p
  ), fixed AS (
    SELECT array_agg(k) AS columns FROM jsonb_array_elements(specs) s,
      jsonb_array_elements_text(s -> 'keep' -> 'columns') k
    WHERE s -> 'keep' ->> 'method' = 'grants'
  )
  SELECT DISTINCT jsonb_build_array(i.role, i.privilege, NULL::text, false) FROM item i, fixed f
  WHERE i.privilege <> 'UPDATE' OR f.columns IS NULL
  UNION
  SELECT DISTINCT jsonb_build_array(i.role, i.privilege, a.attname, false) FROM item i, fixed f, pg_attribute a
  WHERE i.privilege = 'UPDATE' AND f.columns IS NOT NULL AND a.attrelid = tbl AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = '' AND a.attname <> ALL (f.columns)
$fn$;

CREATE FUNCTION insforge._rls_narrows(specs jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$ SELECT coalesce(bool_or((s ->> 'narrow')::boolean), false) FROM jsonb_array_elements(specs) s $fn$;

-- Roles whose privileges are set: PUBLIC, the request roles, and those the policies name.
CREATE FUNCTION insforge._rls_set_roles(specs jsonb, memory jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT '[null]' || coalesce(jsonb_agg(DISTINCT r.rolname), '[]') FROM pg_roles r
  WHERE r.rolname IN ('anon', 'authenticated') OR memory -> 'roles' ? r.rolname
    OR EXISTS (SELECT FROM jsonb_array_elements(specs) s WHERE s -> 'grants' ? r.rolname)
$fn$;

-- Privileges as they were: of roles already narrowed from the memory, of others from the catalog.
CREATE FUNCTION insforge._rls_acl_before(relation oid, remembered jsonb, known jsonb, roles jsonb) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT coalesce(jsonb_agg(p ORDER BY p), '[]') FROM (
    SELECT e AS p FROM jsonb_array_elements(remembered) e
    UNION SELECT a FROM insforge._rls_acl(relation, roles) a WHERE remembered IS NULL
      OR NOT known @> jsonb_build_array(a -> 0)) AS u
$fn$;

CREATE FUNCTION insforge._rls_privilege_memory(tbl regclass, specs jsonb, memory jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  narrowed boolean := coalesce((memory ->> 'narrowed')::boolean, false);
  roles jsonb := insforge._rls_set_roles(specs, memory);
  held jsonb;
  added jsonb;
BEGIN
  IF insforge._rls_narrows(specs) THEN
    SELECT coalesce(jsonb_agg(b), '[]') INTO held
    FROM jsonb_array_elements(insforge._rls_acl_before(tbl, CASE WHEN narrowed THEN memory -> 'acl' END,
      memory -> 'roles', roles)) b
    WHERE memory -> 'added' IS NULL OR NOT memory -> 'added' @> jsonb_build_array(b);
    RETURN jsonb_build_object('narrowed', true, 'roles', roles, 'acl', held,
      -- Partitions go by name: their OIDs would not survive a dump. Null says: as the whole.
      'parts', (SELECT coalesce(jsonb_object_agg(p.name, nullif(p.acl, held)), '{}')
                FROM (SELECT insforge._rls_name(id) AS name, insforge._rls_acl_before(id,
                        memory -> 'parts' -> insforge._rls_name(id), memory -> 'roles', roles) AS acl
                      FROM insforge._rls_partitions(tbl) id) p));
  END IF;
  SELECT coalesce(jsonb_agg(g ORDER BY g), '[]') INTO added FROM insforge._rls_granted(tbl, specs) g
  WHERE CASE WHEN narrowed THEN NOT memory -> 'acl' @> jsonb_build_array(g)
    ELSE coalesce(memory -> 'added' @> jsonb_build_array(g), false) OR NOT EXISTS (
      SELECT FROM insforge._rls_acl(tbl, jsonb_build_array(g -> 0)) a WHERE a - 3 = g - 3) END;
  RETURN jsonb_build_object('added', added);
END $fn$;

-- Makes the privileges of some roles exactly what is wanted.
CREATE FUNCTION insforge._rls_exact(relation oid, roles jsonb, wanted jsonb,
  reason text) RETURNS SETOF insforge._rls_step
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  name CONSTANT text := insforge._rls_name(relation);
  owner CONSTANT oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = relation);
  role jsonb; held jsonb[]; wants jsonb[]; extra boolean;
BEGIN
  FOR role IN SELECT * FROM jsonb_array_elements(roles) LOOP
    -- An owner's privileges are not granted: what is revoked from it, it grants itself again.
    CONTINUE WHEN to_regrole(quote_ident(role #>> '{}')) = owner;
    held := ARRAY(SELECT * FROM insforge._rls_acl(relation, jsonb_build_array(role)));
    wants := ARRAY(SELECT w FROM jsonb_array_elements(wanted) w WHERE w -> 0 = role);
    extra := NOT held <@ wants;
    IF extra THEN
      RETURN NEXT insforge._rls_do('grant', format('REVOKE ALL ON TABLE %s FROM %s', name,
        insforge._rls_role_ident(role)), reason);
    END IF;
    RETURN QUERY SELECT 'grant', g, 'the policies decide about the rest' FROM insforge._rls_grant_ddl(name,
      ARRAY(SELECT w FROM unnest(wants) w WHERE extra OR w <> ALL (held))) g;
  END LOOP;
END $fn$;

CREATE FUNCTION insforge._rls_privilege_steps(tbl regclass, specs jsonb,
  memory jsonb) RETURNS SETOF insforge._rls_step
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  granted jsonb := (SELECT coalesce(jsonb_agg(g), '[]') FROM insforge._rls_granted(tbl, specs) g);
  roles jsonb := insforge._rls_set_roles(specs, memory);
  old_acl jsonb := coalesce(memory -> 'acl', '[]');
  part record;
BEGIN
  IF insforge._rls_narrows(specs) THEN
    RETURN QUERY SELECT * FROM insforge._rls_exact(tbl, roles, granted,
      'only what the policies need; TRUNCATE and the like pass policies by');
    FOR part IN SELECT p AS id FROM insforge._rls_partitions(tbl) p LOOP
      RETURN QUERY SELECT * FROM insforge._rls_exact(part.id, roles, '[]',
        'the policies are on the whole table: a partition asked directly has none');
    END LOOP;
  ELSIF (memory ->> 'narrowed')::boolean THEN
    RETURN QUERY SELECT * FROM insforge._rls_exact(tbl, memory -> 'roles',
      (SELECT jsonb_agg(DISTINCT x) FROM jsonb_array_elements(old_acl || granted) x),
      'as it was before');
    FOR part IN SELECT to_regclass(e.key)::oid AS id, e.value FROM jsonb_each(memory -> 'parts') e LOOP
      RETURN QUERY SELECT * FROM insforge._rls_exact(part.id, memory -> 'roles', part.value, 'as it was before');
    END LOOP;
  ELSE
    RETURN QUERY SELECT 'grant', format('REVOKE %s ON TABLE %s FROM %s', a ->> 1, insforge._rls_name(tbl),
      insforge._rls_role_ident(a -> 0)), 'the grant was ours'
      FROM jsonb_array_elements(memory -> 'added') a WHERE NOT granted @> jsonb_build_array(a)
        AND EXISTS (SELECT FROM insforge._rls_acl(tbl, jsonb_build_array(a -> 0)) held WHERE held = a);
    RETURN QUERY SELECT 'grant', g, 'the policies decide about the rest'
      FROM insforge._rls_grant_ddl(insforge._rls_name(tbl),
      ARRAY(SELECT w FROM jsonb_array_elements(granted) w
            WHERE NOT EXISTS (SELECT FROM insforge._rls_acl(tbl, jsonb_build_array(w -> 0)) held
              WHERE held - 3 = w - 3))) g;
  END IF;
END $fn$;
