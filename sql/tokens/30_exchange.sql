-- What verified tokens say, written before anything is answered: whoever gets a token finds their rows with
-- the first statement.

CREATE FUNCTION insforge.record_exchanges(exchanges jsonb, membership_ttl interval DEFAULT '24 hours')
RETURNS TABLE (n bigint, outcome text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  RETURN QUERY WITH given AS MATERIALIZED (
    SELECT e.ordinality AS position, t.*, CASE
        WHEN p.enabled = false THEN 'disabled'
        WHEN EXISTS (SELECT FROM insforge.revocations r WHERE r.issuer = t.issuer AND r.subject = t.subject
                     AND (t.iat IS NULL OR to_timestamp(t.iat) < r.not_before)) THEN 'revoked'
        ELSE 'recorded' END AS verdict
    FROM jsonb_array_elements(exchanges) WITH ORDINALITY AS e (body, ordinality),
      jsonb_to_record(e.body) AS t (provider text, issuer text, subject text, user_id text, org_id text,
                                    role text, permissions text[], iat bigint)
    LEFT JOIN insforge.providers p ON p.name = t.provider
  ), shown AS (
    -- One row for each membership, the latest token's.
    SELECT DISTINCT ON (g.issuer, g.user_id, g.org_id) g.issuer, g.user_id, g.org_id, g.role,
      coalesce(g.permissions, '{}') AS permissions, coalesce(g.iat, extract(epoch FROM now())::bigint) AS iat
    FROM given g WHERE g.verdict = 'recorded' AND g.org_id IS NOT NULL
    ORDER BY g.issuer, g.user_id, g.org_id, g.iat DESC NULLS LAST
  ), recorded AS (
    INSERT INTO insforge.memberships AS m (issuer, user_id, org_id, role, permissions, token_iat, valid_until)
    SELECT s.issuer, s.user_id, s.org_id, s.role, s.permissions, s.iat, to_timestamp(s.iat) + membership_ttl
    FROM shown s
    -- The same token again, or an older one, costs a look and no write.
    WHERE NOT EXISTS (SELECT FROM insforge.memberships o
      WHERE o.issuer = s.issuer AND o.user_id = s.user_id AND o.org_id = s.org_id
        AND (o.token_iat > s.iat OR (o.token_iat = s.iat AND (NOT o.active OR (o.role IS NOT DISTINCT FROM s.role
             AND o.permissions = s.permissions AND o.valid_until = to_timestamp(s.iat) + membership_ttl)))))
    ORDER BY s.issuer, s.user_id, s.org_id  -- always the same: two batches never wait for each other
    ON CONFLICT ON CONSTRAINT memberships_pkey DO UPDATE SET
      role = excluded.role, permissions = excluded.permissions, active = true,
      token_iat = excluded.token_iat, valid_until = excluded.valid_until, updated_at = now()
    -- An ended membership beats a token of the same second.
    WHERE coalesce(m.token_iat, 0) < excluded.token_iat OR (m.token_iat = excluded.token_iat AND m.active)
  )
  SELECT g.position, g.verdict FROM given g ORDER BY g.position;
END $fn$;
COMMENT ON FUNCTION insforge.record_exchanges(jsonb, interval) IS
'Records what verified tokens show, many in one statement: an array of objects with provider, issuer, subject,
user_id and, where known, org_id, role, permissions and iat (Unix seconds: the version, an older token changes
nothing). A membership counts until membership_ttl after iat. Returns for each its position from 1 and the
outcome: recorded, revoked (the subject''s token is refused) or disabled (its provider is); the latter two
change nothing. NULL: no rows. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Errors: 22023 for other JSON, 23502
for an organisation without user or issuer. Execute: owner and sidecar.';

CREATE FUNCTION insforge.record_exchange(
  provider text, issuer text, subject text, user_id text, org_id text DEFAULT NULL, role text DEFAULT NULL,
  permissions text[] DEFAULT '{}', iat bigint DEFAULT NULL, membership_ttl interval DEFAULT '24 hours'
) RETURNS text
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT r.outcome FROM insforge.record_exchanges(jsonb_build_array(jsonb_build_object(
    'provider', $1, 'issuer', $2, 'subject', $3, 'user_id', $4, 'org_id', $5, 'role', $6,
    'permissions', $7, 'iat', $8)), $9) r
$fn$;
COMMENT ON FUNCTION insforge.record_exchange(text, text, text, text, text, text, text[], bigint, interval) IS
'As insforge.record_exchanges() for one token: recorded, revoked or disabled. VOLATILE, PARALLEL UNSAFE, SECURITY
DEFINER. Errors: 23502 for an organisation without user or issuer. Execute: owner and sidecar.';

REVOKE ALL ON FUNCTION insforge.record_exchanges(jsonb, interval),
  insforge.record_exchange(text, text, text, text, text, text, text[], bigint, interval) FROM PUBLIC;
