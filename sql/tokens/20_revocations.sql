-- Users whose older tokens are refused, whatever their expiry says. By the provider's own subject, which is
-- what tokens carry: an id with our prefix could be changed by a setting.
CREATE TABLE insforge.revocations (
  issuer text NOT NULL,
  subject text NOT NULL,
  not_before timestamptz NOT NULL,
  reason text,
  revoked_by text NOT NULL DEFAULT session_user,
  revoked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (issuer, subject)
);
SELECT pg_catalog.pg_extension_config_dump('insforge.revocations', '');

COMMENT ON TABLE insforge.revocations IS
'Subjects whose tokens issued before not_before are refused by the exchange and by insforge.login(). Written by
insforge.revoke() and the owner. A row is of no more use when every token issued before not_before has expired.';
COMMENT ON COLUMN insforge.revocations.issuer IS 'the token''s iss; for tokens without one, the provider''s name';
COMMENT ON COLUMN insforge.revocations.subject IS 'the token''s sub, without the provider''s user_prefix';
COMMENT ON COLUMN insforge.revocations.not_before IS 'tokens with an iat before this are refused; infinity: all of them';

REVOKE ALL ON insforge.revocations FROM PUBLIC;

CREATE FUNCTION insforge.revoke(
  issuer text, subject text, not_before timestamptz DEFAULT now(), reason text DEFAULT NULL, user_id text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  ids text[];
  ended bigint;
BEGIN
  IF issuer IS NULL OR subject IS NULL OR not_before IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'a revocation needs an issuer, a subject and a moment';
  END IF;
  INSERT INTO insforge.revocations AS r (issuer, subject, not_before, reason)
  VALUES ($1, $2, $3, $4)
  ON CONFLICT ON CONSTRAINT revocations_pkey DO UPDATE SET
    not_before = greatest(r.not_before, excluded.not_before), reason = coalesce(excluded.reason, r.reason),
    revoked_by = excluded.revoked_by, revoked_at = excluded.revoked_at;
  -- The user's id in our tables may have the provider's prefix before it.
  SELECT coalesce(array_agg((p.profile ->> 'user_prefix') || $2), '{}') || $2 || $5 INTO ids FROM insforge.providers p
  WHERE p.profile ->> 'user_prefix' <> '' AND (p.name = $1 OR jsonb_exists(p.profile -> 'iss', $1));
  -- What was shown by tokens that are now refused ends at once, and no older token brings it back.
  UPDATE insforge.memberships m SET active = false, updated_at = now(),
    token_iat = greatest(m.token_iat, extract(epoch FROM now())::bigint)
  WHERE m.issuer = $1 AND m.user_id = ANY (ids) AND m.active
    AND (m.token_iat IS NULL OR to_timestamp(m.token_iat) < $3);
  GET DIAGNOSTICS ended = ROW_COUNT;
  RETURN ended;
END $fn$;
COMMENT ON FUNCTION insforge.revoke(text, text, timestamptz, text, text) IS
'Refuses every token of a subject that was issued before a moment (infinity: every token), and ends the
memberships such tokens showed; returns how many. A later moment replaces an earlier one, never the other way
round. user_id is the id in our tables where it is neither the subject nor prefix and subject: a profile can
take it from another claim. InsForge tokens minted before live on until they expire, 15 minutes at most by default, and so do
sessions logged in before. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Errors: 22004 for NULL issuer, subject
or moment. Execute: owner and sidecar.';

CREATE FUNCTION insforge.unrevoke(issuer text, subject text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  DELETE FROM insforge.revocations r WHERE r.issuer = $1 AND r.subject = $2;
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION insforge.unrevoke(text, text) IS
'Accepts a subject''s tokens again; memberships come back with the next token that shows them. False where
there was no revocation, and for NULL. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. No errors. Execute: owner.';

REVOKE ALL ON FUNCTION insforge.revoke(text, text, timestamptz, text, text), insforge.unrevoke(text, text) FROM PUBLIC;
