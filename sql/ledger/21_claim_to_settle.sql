-- The claim of a worker that sends at once: what the ledger finds valid is claimed with its intent, in one statement and
-- one commit. The rest is claimed as by x402.claim(), and its intent recorded by x402.begin_settle().
--
-- It fails rather than waits for a lock: a claim that is committed when nobody waits for its answer any more leaves
-- intents without a call. Whoever claims asks x402.claim() after a failure.
--
-- Planned once, as x402.claim() is; the second statement as x402.finish() is: rows are found by a list of their keys and
-- joined by hash.
CREATE FUNCTION x402.claim_to_settle(worker text, batch integer, lease interval)
RETURNS TABLE (id uuid, lease_token bigint, begun boolean, attempt integer, uncertain boolean, tx_hash text,
  payment jsonb, requirements jsonb, now_unix bigint, created_unix bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET enable_nestloop = off SET enable_mergejoin = off SET jit = off SET lock_timeout = '250ms' AS $fn$
#variable_conflict use_column
DECLARE
  started timestamptz := clock_timestamp();
  now_s bigint := floor(extract(epoch FROM started));
  claimed uuid[];
  startable uuid[];
  vouched jsonb;
BEGIN
  IF worker IS NULL OR batch IS NULL OR lease IS NULL OR lease <= interval '0' THEN
    RAISE invalid_parameter_value USING MESSAGE = 'worker, batch and a positive lease are needed';
  END IF;
  SELECT array_agg(due.payment_id),
    coalesce(array_agg(due.payment_id) FILTER (WHERE due.valid_before > now_s), '{}')
  INTO claimed, startable FROM (
    SELECT q.payment_id, q.valid_before FROM x402.queue q
    -- Too late to start, too early to expire: left alone, as by x402.claim().
    WHERE q.status = 'pending' AND q.due_at <= started AND (q.leased_until IS NULL OR q.leased_until <= started)
      AND (q.valid_before > now_s + 10 OR q.valid_before <= now_s)
    ORDER BY q.valid_before LIMIT batch FOR UPDATE SKIP LOCKED) due;
  IF claimed IS NULL THEN
    RETURN;
  END IF;
  vouched := (SELECT jsonb_agg(to_jsonb(v)) FROM x402.vouched_assets v);
  RETURN QUERY
  WITH judged AS MATERIALIZED (
    SELECT a.payment_id, a.payment, a.requirements, p.tx_hash, p.created_at, nextval('x402.lease_tokens') AS token,
      p.status = 'pending' AND a.payment_id = ANY (startable) AND
        (SELECT v.verdict = 'valid' FROM x402.verify(a.payment, a.requirements, started, vouched) v) AS begins
    FROM x402.authorizations a
    JOIN @extschema@.x402_payments p ON p.id = a.payment_id AND p.id = ANY (claimed)
    WHERE a.payment_id = ANY (claimed)
  ), queued AS (
    UPDATE x402.queue q SET lease_token = j.token, leased_by = worker, leased_until = started + lease,
      status = CASE WHEN j.begins THEN 'settling' ELSE q.status END, attempts = q.attempts + j.begins::integer
    FROM judged j WHERE q.payment_id = j.payment_id AND q.payment_id = ANY (claimed)
    RETURNING j.*, q.attempts - j.begins::integer AS attempt, q.uncertain, q.valid_before
  ), moved AS (
    UPDATE @extschema@.x402_payments p SET status = 'settling'
    FROM judged j WHERE p.id = j.payment_id AND j.begins AND p.id = ANY (claimed)
  ), written AS (
    INSERT INTO x402.events (payment_id, from_status, to_status, actor, evidence)
    SELECT q.payment_id, 'pending', 'settling', worker, jsonb_build_object('attempt', q.attempt + 1, 'lease_token', q.token)
    FROM queued q WHERE q.begins
  )
  SELECT q.payment_id, q.token, q.begins, q.attempt, q.uncertain, q.tx_hash, q.payment, q.requirements,
    now_s, floor(extract(epoch FROM q.created_at))::bigint
  FROM queued q ORDER BY q.valid_before;
END $fn$;
COMMENT ON FUNCTION x402.claim_to_settle(text, integer, interval) IS
'Leases up to batch due payments that are pending to a worker, nearest validBefore first, and records the intent to settle
of those that x402.verify() finds valid now: begun. Commit before calling the facilitator. attempt counts the intents
before this one. The others are judged by the worker and begun by x402.begin_settle(). VOLATILE, PARALLEL UNSAFE, SECURITY
DEFINER. Errors: 22023 for a NULL argument or a lease that is not positive, 55P03 where a lock is not free. Execute: owner and sidecar roles.';
