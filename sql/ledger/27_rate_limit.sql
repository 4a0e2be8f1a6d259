-- How many requests the sidecars together may send to a facilitator: a token bucket that they share.

-- One row for each API key. Unlogged on purpose: a write costs no flush of the log, so that taking tokens
-- does not double the commits of a payment. A crash or a failover forgets it, which is a full bucket: at
-- most one burst too many, and a facilitator that minds says so with a 429.
CREATE UNLOGGED TABLE x402.rate_limits (
  key text PRIMARY KEY,
  tokens double precision NOT NULL,
  at timestamptz NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
COMMENT ON TABLE x402.rate_limits IS 'Token buckets that all sidecars share; lost in a crash, and not missed';
COMMENT ON COLUMN x402.rate_limits.tokens IS 'Tokens in the bucket at the time `at`';
COMMENT ON COLUMN x402.rate_limits.at IS 'Lies ahead while the facilitator asked for a pause';

-- The row is locked for this statement only. A refusal writes nothing.
CREATE FUNCTION x402.take_tokens(key text, wanted integer, rate double precision, burst integer,
  OUT granted integer, OUT wait_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  bucket x402.rate_limits;
  moment timestamptz;
  filled double precision;
BEGIN
  IF key IS NULL OR wanted IS NULL OR burst IS NULL OR rate IS NULL OR burst < 1 OR rate < 0 THEN
    RAISE invalid_parameter_value USING MESSAGE = 'a key, a number of tokens, a rate and a burst of at least 1 are needed';
  END IF;
  wait_ms := 0;
  granted := wanted;
  IF rate = 0 THEN
    RETURN;
  END IF;
  LOOP
    SELECT * INTO bucket FROM x402.rate_limits r WHERE r.key = take_tokens.key FOR UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO x402.rate_limits VALUES (take_tokens.key, burst, clock_timestamp()) ON CONFLICT DO NOTHING;
  END LOOP;
  moment := clock_timestamp();
  -- No pause is that long: the clock was set back, or another server was promoted.
  IF bucket.at > moment + interval '10 min' THEN
    bucket.at := moment;
  END IF;
  filled := least(burst, bucket.tokens + greatest(0, extract(epoch FROM moment - bucket.at)) * rate);
  IF wanted < 0 THEN
    granted := 0;
    UPDATE x402.rate_limits r SET tokens = least(burst, filled - wanted), at = greatest(moment, bucket.at)
    WHERE r.key = take_tokens.key;
    RETURN;
  END IF;
  granted := CASE WHEN bucket.at > moment THEN 0 ELSE least(wanted, floor(filled)) END;
  IF granted > 0 THEN
    UPDATE x402.rate_limits r SET tokens = filled - granted, at = moment WHERE r.key = take_tokens.key;
  ELSIF wanted > 0 THEN
    wait_ms := ceil(1000 * (greatest(0, extract(epoch FROM bucket.at - moment)) + greatest(0, 1 - filled) / rate));
  END IF;
END $fn$;
COMMENT ON FUNCTION x402.take_tokens(text, integer, double precision, integer) IS
'Takes up to `wanted` tokens from the bucket named `key`, which fills by `rate` a second up to `burst`; when
none is there, says in how many milliseconds one will be. A negative number gives unused tokens back; rate 0
grants everything and touches nothing. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Errors: 22023 for NULL, a
negative rate or a burst below 1. Execute: owner and sidecar roles.';

CREATE FUNCTION x402.hold_tokens(key text, pause_ms bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  until timestamptz := clock_timestamp() + least(greatest(pause_ms, 0), 540000) * interval '1 ms';
BEGIN
  INSERT INTO x402.rate_limits AS r VALUES (hold_tokens.key, 1, until)
  ON CONFLICT ON CONSTRAINT rate_limits_pkey DO UPDATE
  SET tokens = least(r.tokens, 1), at = greatest(r.at, excluded.at);
END $fn$;
COMMENT ON FUNCTION x402.hold_tokens(text, bigint) IS
'Gives out no token of a bucket for so many milliseconds (nine minutes at most), and one at most right after
that: the facilitator asked for a pause. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Errors: 23502 for a NULL
key; NULL milliseconds are none. Execute: owner and sidecar roles.';
