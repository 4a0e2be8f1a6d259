-- Whose tokens insforge.login() accepts, and their public keys: a backend makes no HTTP requests. The
-- sidecar keeps its own rows current; rows of other names are the owner's, for databases without it.
CREATE TABLE insforge.providers (
  name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  profile jsonb NOT NULL CHECK (jsonb_typeof(profile) = 'object' AND NOT profile ?| '{secret,previous_secret}'),
  jwks jsonb CHECK (jsonb_typeof(jwks -> 'keys') = 'array'),
  keys_fetched_at timestamptz,
  keys_valid_until timestamptz,
  enabled boolean NOT NULL DEFAULT true,
  kept_by text NOT NULL DEFAULT 'owner' CHECK (kept_by IN ('owner', 'sidecar')),
  updated_at timestamptz NOT NULL DEFAULT now()
);
SELECT pg_catalog.pg_extension_config_dump('insforge.providers', '');

COMMENT ON TABLE insforge.providers IS
'Providers whose tokens are accepted. Written by the owner and the sidecar only. Holds public keys, never
secrets.';
COMMENT ON COLUMN insforge.providers.profile IS
'how tokens are judged, as in the sidecar''s configuration: preset, iss, aud, azp, algs, user_prefix …';
COMMENT ON COLUMN insforge.providers.jwks IS 'the public keys; NULL: those in profile -> ''jwks''';
COMMENT ON COLUMN insforge.providers.keys_valid_until IS
'after this moment nobody logs in by these keys: their keeper has stopped looking; NULL: no end';
COMMENT ON COLUMN insforge.providers.enabled IS
'false: neither insforge.login() nor the exchange accepts its tokens; the sidecar never changes it';
COMMENT ON COLUMN insforge.providers.kept_by IS 'who writes the row: owner, or the sidecar from its configuration';

REVOKE ALL ON insforge.providers FROM PUBLIC;

CREATE FUNCTION insforge.set_provider(name text, profile jsonb, jwks jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  fault text := insforge.profile_fault(profile);
BEGIN
  IF name IS NULL OR profile IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'a provider needs a name and a profile';
  ELSIF fault IS NOT NULL THEN
    RAISE invalid_parameter_value USING MESSAGE = format('the profile cannot be used: %s', fault);
  ELSIF NOT jsonb_exists(coalesce(jwks, profile -> 'jwks', '{}'), 'keys') THEN
    RAISE invalid_parameter_value USING MESSAGE = 'there are no keys',
      HINT = 'Pass what the provider publishes at its JWKS address, or let the sidecar fetch it.';
  END IF;
  INSERT INTO insforge.providers AS p (name, profile, jwks, keys_fetched_at)
  VALUES ($1, $2, coalesce($3, profile -> 'jwks'), now())
  ON CONFLICT ON CONSTRAINT providers_pkey DO UPDATE SET
    profile = excluded.profile, jwks = excluded.jwks, keys_fetched_at = excluded.keys_fetched_at,
    keys_valid_until = NULL, kept_by = 'owner', updated_at = now();
END $fn$;
COMMENT ON FUNCTION insforge.set_provider(text, jsonb, jsonb) IS
'Adds or replaces a provider by hand, for databases without the sidecar: keys are good until replaced. The
sidecar leaves such a row alone. VOLATILE, PARALLEL UNSAFE, with the caller''s own rights. Errors: 22004 for
NULL name or profile, 22023 for a profile that cannot be used and without keys, 23514 for a name that is not
lower-case letters, digits, - and _. Execute: owner.';

CREATE FUNCTION insforge.store_keys(name text, profile jsonb, jwks jsonb, valid_for interval) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  fault text := insforge.profile_fault(profile);
BEGIN
  IF name IS NULL OR profile IS NULL OR valid_for IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'keys are stored with a name, a profile and a term';
  ELSIF fault IS NOT NULL THEN
    RAISE invalid_parameter_value USING MESSAGE = format('the profile cannot be used: %s', fault);
  END IF;
  INSERT INTO insforge.providers AS p (name, profile, jwks, keys_fetched_at, keys_valid_until, kept_by)
  VALUES ($1, $2, $3, CASE WHEN $3 IS NOT NULL THEN now() END, CASE WHEN $3 IS NOT NULL THEN now() + $4 END, 'sidecar')
  ON CONFLICT ON CONSTRAINT providers_pkey DO UPDATE SET
    -- Without new keys the ones that are there stay, for as long as they were good for.
    profile = excluded.profile, jwks = coalesce(excluded.jwks, p.jwks),
    keys_fetched_at = coalesce(excluded.keys_fetched_at, p.keys_fetched_at),
    keys_valid_until = coalesce(excluded.keys_valid_until, p.keys_valid_until), updated_at = now()
  WHERE p.kept_by = 'sidecar';
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION insforge.store_keys(text, jsonb, jsonb, interval) IS
'Writes a provider of the sidecar''s configuration and the keys it fetched (NULL: none yet), which are good for
valid_for from now. False, and nothing written, where the owner keeps a row of that name. Does not touch
enabled. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Errors: 22004 for other NULLs, 22023 for a profile that
cannot be used, 23514 for a bad name. Execute: owner and sidecar.';

CREATE FUNCTION insforge.keep_providers(names text[]) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  IF names IS NULL OR array_position(names, NULL) IS NOT NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'name the providers to keep, none of them NULL';
  END IF;
  -- A row that the owner disabled stays: should the provider come back, it is still disabled.
  RETURN QUERY DELETE FROM insforge.providers p
    WHERE p.kept_by = 'sidecar' AND p.enabled AND NOT p.name = ANY (names) RETURNING p.name;
END $fn$;
COMMENT ON FUNCTION insforge.keep_providers(text[]) IS
'Removes the sidecar''s providers that its configuration no longer names; returns them. VOLATILE, PARALLEL
UNSAFE, SECURITY DEFINER. Errors: 22004 for NULL. Execute: owner and sidecar.';

COMMENT ON FUNCTION insforge.profile_fault(jsonb) IS
'Why a profile cannot be used for verifying tokens; NULL where it can, and for NULL. IMMUTABLE, PARALLEL SAFE.
No errors. Execute: owner.';

REVOKE ALL ON FUNCTION insforge.set_provider(text, jsonb, jsonb), insforge.store_keys(text, jsonb, jsonb, interval),
  insforge.keep_providers(text[]), insforge.profile_fault(jsonb) FROM PUBLIC;
