-- The caller's organisations. Each function reads the table as its owner, so that callers need no
-- privilege on it, and none takes a column of the row being checked: a policy calls it once per
-- statement, not once per row.

CREATE FUNCTION insforge._my_memberships() RETURNS SETOF insforge.memberships
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT m.* FROM insforge.memberships m
  WHERE m.user_id = insforge.requesting_user_id() AND m.active
    -- Not now(), which stands still while a transaction is kept open.
    AND (m.valid_until IS NULL OR m.valid_until > statement_timestamp())
$fn$;
COMMENT ON FUNCTION insforge._my_memberships() IS
'The caller''s memberships that count now: active and not lapsed. STABLE, PARALLEL SAFE, SECURITY DEFINER; no
rows without an identity. Execute: owner (the org functions call it).';

CREATE FUNCTION insforge.org_ids(roles text[] DEFAULT NULL) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT coalesce(array_agg(DISTINCT m.org_id), '{}') FROM insforge._my_memberships() m
  WHERE roles IS NULL OR regexp_split_to_array(btrim(m.role), '\s*,\s*') && roles
$fn$;
COMMENT ON FUNCTION insforge.org_ids(text[]) IS
'Organisations of the caller; with roles, only those where the caller holds one of them. NULL roles: any
role; no identity or no membership: an empty array, never NULL. Use in policies as
org_id = any ((select insforge.org_ids())::text[]). STABLE, PARALLEL SAFE, SECURITY DEFINER. No errors.
Execute: PUBLIC (it tells the caller about the caller).';

CREATE FUNCTION insforge.org_id() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
  -- The organisation of the latest token; failing that the only one there is. Guessing between several
  -- would file rows under an organisation nobody chose.
  WITH mine AS (SELECT m.org_id, max(m.token_iat) AS shown FROM insforge._my_memberships() m GROUP BY 1),
       latest AS (SELECT org_id FROM mine WHERE shown IS NOT DISTINCT FROM (SELECT max(shown) FROM mine))
  SELECT max(org_id) FROM latest HAVING count(*) = 1
$fn$;
COMMENT ON FUNCTION insforge.org_id() IS
'The caller''s current organisation: the one in the most recent token, else the only one the caller belongs
to; NULL without a membership and where several are equally recent. STABLE, PARALLEL SAFE, SECURITY DEFINER.
No errors. Execute: PUBLIC.';

CREATE FUNCTION insforge.org_role(org text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT m.role FROM insforge._my_memberships() m WHERE m.org_id = org
  ORDER BY m.token_iat DESC NULLS LAST, m.updated_at DESC, m.issuer LIMIT 1
$fn$;
COMMENT ON FUNCTION insforge.org_role(text) IS
'The caller''s role in an organisation, as the provider wrote it; NULL without a membership or for NULL. For
application code: in a policy use insforge.org_ids(roles), which is not called once per row. STABLE,
PARALLEL SAFE, SECURITY DEFINER. No errors. Execute: PUBLIC.';

CREATE FUNCTION insforge.has_permission(org text, permission text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT EXISTS (SELECT FROM insforge._my_memberships() m
                 WHERE m.org_id = org AND permission = ANY (m.permissions))
$fn$;
COMMENT ON FUNCTION insforge.has_permission(text, text) IS
'Whether the caller holds a permission in an organisation; false, never NULL, for NULL arguments and without
a membership. STABLE, PARALLEL SAFE, SECURITY DEFINER. No errors. Execute: PUBLIC.';

REVOKE ALL ON FUNCTION insforge._my_memberships(), insforge.org_ids(text[]), insforge.org_id(),
  insforge.org_role(text), insforge.has_permission(text, text) FROM PUBLIC;
