-- Who belongs to which organisation. InsForge's gateway passes only `sub`, `role` and `email` to SQL, so
-- organisation data cannot come from claims; a table also ends a membership at once, a claim only when
-- its token expires.
CREATE TABLE insforge.memberships (
  issuer text NOT NULL,
  user_id text NOT NULL,
  org_id text NOT NULL,
  role text,
  permissions text[] NOT NULL DEFAULT '{}',
  active boolean NOT NULL DEFAULT true,
  token_iat bigint,
  valid_until timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (issuer, user_id, org_id)
);
-- The org functions ask by user alone: the primary key, which leads with the issuer, does not serve them.
CREATE INDEX memberships_user_id_idx ON insforge.memberships (user_id);

SELECT pg_catalog.pg_extension_config_dump('insforge.memberships', '');

COMMENT ON TABLE insforge.memberships IS
'Organisation memberships. Written by the owner, the sidecar and insforge.use_better_auth_members() only.';
COMMENT ON COLUMN insforge.memberships.issuer IS 'who says so: the token''s iss, or better_auth';
COMMENT ON COLUMN insforge.memberships.user_id IS 'the user as insforge.requesting_user_id() returns it';
COMMENT ON COLUMN insforge.memberships.role IS 'one role, or several separated by commas as Better Auth writes them';
COMMENT ON COLUMN insforge.memberships.active IS 'false: ended; the row stays so that an older token cannot bring it back';
COMMENT ON COLUMN insforge.memberships.token_iat IS
'version of the row, Unix seconds: when the token or event behind it was issued; NULL for rows written by hand';
COMMENT ON COLUMN insforge.memberships.valid_until IS 'after this moment the membership does not count; NULL: no end';

REVOKE ALL ON insforge.memberships FROM PUBLIC;

CREATE FUNCTION insforge.record_membership(
  issuer text, user_id text, org_id text, role text DEFAULT NULL, permissions text[] DEFAULT '{}',
  token_iat bigint DEFAULT NULL, valid_until timestamptz DEFAULT NULL, active boolean DEFAULT true
) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  version bigint := coalesce(token_iat, extract(epoch FROM now())::bigint);
BEGIN
  IF issuer IS NULL OR user_id IS NULL OR org_id IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'a membership needs an issuer, a user id and an organisation id';
  END IF;
  INSERT INTO insforge.memberships AS m
    (issuer, user_id, org_id, role, permissions, active, token_iat, valid_until)
  VALUES ($1, $2, $3, $4, coalesce($5, '{}'), coalesce($8, true), version, $7)
  ON CONFLICT ON CONSTRAINT memberships_pkey DO UPDATE SET
    role = excluded.role, permissions = excluded.permissions, active = excluded.active,
    token_iat = excluded.token_iat, valid_until = excluded.valid_until, updated_at = now()
  -- An ended membership beats a token of the same second.
  WHERE coalesce(m.token_iat, 0) < excluded.token_iat
     OR (m.token_iat = excluded.token_iat AND (m.active OR NOT excluded.active));
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION insforge.record_membership(text, text, text, text, text[], bigint, timestamptz, boolean) IS
'Writes what a verified token or a provider''s webhook says about one membership. token_iat (Unix seconds,
NULL: now) is its version: something older than what is stored changes nothing and returns false. VOLATILE,
PARALLEL UNSAFE, SECURITY DEFINER. Errors: 22004 where issuer, user_id or org_id is NULL. Execute: owner and
sidecar.';
REVOKE ALL ON FUNCTION
  insforge.record_membership(text, text, text, text, text[], bigint, timestamptz, boolean) FROM PUBLIC;
