-- What a worker does with the queue. Each claim takes a rising lease token; every later write names
-- it, and a write whose lease was lost changes nothing. Only the database's clock decides.

-- Claims up to `batch` due payments whose lease is free, nearest validBefore first. A payment found
-- `settling` lost its worker after the intent: what became of the call is unknown.
-- It is planned once: planning takes several times as long as claiming one payment. The plan must then be one
-- that suits a long queue too, also where a session meets the queue empty: the nearest expiry by its index and not by
-- sorting, each row by its key, one after the other.
CREATE FUNCTION x402.claim(worker text, batch integer, lease interval, statuses text[] DEFAULT '{pending}')
RETURNS TABLE (id uuid, lease_token bigint, status text, attempt integer, uncertain boolean, network text,
  asset text, payer text, pay_to text, value text, nonce text, scheme text, valid_after text,
  valid_before text, tx_hash text, payment jsonb, requirements jsonb, now_unix bigint,
  created_unix bigint, since_unix bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $fn$
#variable_conflict use_column
DECLARE
  started timestamptz := clock_timestamp();
  now_s bigint := floor(extract(epoch FROM started));
  claimed uuid[];
BEGIN
  IF worker IS NULL OR batch IS NULL OR lease IS NULL OR statuses IS NULL OR lease <= interval '0' THEN
    RAISE invalid_parameter_value USING MESSAGE = 'worker, batch, a positive lease and statuses are needed';
  END IF;
  WITH due AS (
    SELECT q.payment_id FROM x402.queue q
    WHERE q.status = ANY (statuses) AND q.due_at <= started
      AND (q.leased_until IS NULL OR q.leased_until <= started)
      -- Too late to start, too early to expire: left alone until one or the other is true.
      AND (q.status <> 'pending' OR q.valid_before > now_s + 10 OR q.valid_before <= now_s)
    ORDER BY q.valid_before LIMIT batch FOR UPDATE SKIP LOCKED
  ), leased AS (
    UPDATE x402.queue q
    SET lease_token = nextval('x402.lease_tokens'), leased_by = worker, leased_until = started + lease,
        uncertain = q.uncertain OR q.status = 'settling',
        status = CASE q.status WHEN 'settling' THEN 'unknown' ELSE q.status END
    WHERE q.payment_id = ANY (ARRAY(SELECT due.payment_id FROM due))
    RETURNING q.payment_id, q.valid_before
  )
  SELECT array_agg(payment_id ORDER BY valid_before) INTO claimed FROM leased;
  IF 'settling' = ANY (statuses) THEN
    PERFORM x402._move_interrupted(claimed);
  END IF;
  RETURN QUERY
  SELECT p.id, q.lease_token, q.status, q.attempts, q.uncertain, p.network, p.asset, p.payer_address, p.pay_to,
    p.value::text, p.nonce, p.scheme, a.valid_after::text, a.valid_before::text, p.tx_hash, a.payment,
    a.requirements, now_s, floor(extract(epoch FROM p.created_at))::bigint,
    (SELECT floor(extract(epoch FROM e.at))::bigint FROM x402.events e WHERE e.payment_id = p.id ORDER BY e.id DESC LIMIT 1)
  FROM unnest(claimed) WITH ORDINALITY AS c (id, n)
  JOIN x402.queue q ON q.payment_id = c.id
  JOIN @extschema@.x402_payments p ON p.id = c.id
  JOIN x402.authorizations a ON a.payment_id = c.id
  WHERE q.payment_id = ANY (claimed)
  ORDER BY c.n;
END $fn$;

COMMENT ON FUNCTION x402.claim(text, integer, interval, text[]) IS
'Leases up to batch due payments in the given statuses to a worker, nearest validBefore first, and returns
what the worker needs; a payment found settling lost its worker and becomes unknown. VOLATILE, PARALLEL UNSAFE,
SECURITY DEFINER. Errors: 22023 for a NULL argument or a lease that is not positive. Execute: owner and sidecar roles.';

CREATE FUNCTION x402._move_interrupted(claimed uuid[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $fn$
  WITH moved AS (
    UPDATE @extschema@.x402_payments p SET status = 'unknown'
    WHERE p.id = ANY (claimed) AND p.status = 'settling' RETURNING p.id
  )
  INSERT INTO x402.events (payment_id, from_status, to_status, evidence)
  SELECT id, 'settling', 'unknown', '{"lease": "expired while settling"}' FROM moved;
$fn$;

-- Records the intent to settle, before the call: pending or unknown → settling. Returns the payments
-- whose lease still holds; the worker commits, and only then calls the facilitator. Planned as x402.finish() is.
CREATE FUNCTION x402.begin_settle(ids uuid[], lease_tokens bigint[]) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS $fn$
BEGIN
  RETURN QUERY
  WITH held AS (
    SELECT q.payment_id, q.status, q.lease_token, q.leased_by, q.attempts + 1 AS attempt
    FROM unnest(ids, lease_tokens) AS given (id, token)
    JOIN x402.queue q ON q.payment_id = given.id AND q.lease_token = given.token AND q.payment_id = ANY (ids)
    WHERE q.leased_until > clock_timestamp() AND q.status IN ('pending', 'unknown')
    ORDER BY q.payment_id FOR UPDATE OF q
  ), queued AS (
    UPDATE x402.queue q SET status = 'settling', attempts = held.attempt
    FROM held WHERE q.payment_id = held.payment_id AND q.payment_id = ANY (ids)
  ), moved AS (
    UPDATE @extschema@.x402_payments p SET status = 'settling' FROM held WHERE p.id = held.payment_id AND p.id = ANY (ids)
  ), written AS (
    INSERT INTO x402.events (payment_id, from_status, to_status, actor, evidence)
    SELECT payment_id, status, 'settling', leased_by,
      jsonb_build_object('attempt', attempt, 'lease_token', lease_token) FROM held
  )
  SELECT payment_id FROM held;
END $fn$;

COMMENT ON FUNCTION x402.begin_settle(uuid[], bigint[]) IS
'Records the intent to settle of payments whose lease still holds, and returns their ids. Commit before calling
the facilitator. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL: no rows. No errors. Execute: owner and sidecar roles.';

-- Prolongs leases that are still live; one that ran out is not revived, even if nobody took it yet.
CREATE FUNCTION x402.extend_leases(ids uuid[], lease_tokens bigint[], lease interval) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
  WITH held AS (
    SELECT q.payment_id FROM unnest(ids, lease_tokens) AS given (id, token)
    JOIN x402.queue q ON q.payment_id = given.id AND q.lease_token = given.token
    WHERE q.leased_until > clock_timestamp()
    ORDER BY q.payment_id FOR UPDATE OF q
  )
  UPDATE x402.queue q SET leased_until = clock_timestamp() + lease
  FROM held WHERE q.payment_id = held.payment_id
  RETURNING q.payment_id
$fn$;

COMMENT ON FUNCTION x402.extend_leases(uuid[], bigint[], interval) IS
'Prolongs leases that are still live and returns their payments; one that is missing was lost. VOLATILE,
PARALLEL UNSAFE, SECURITY DEFINER. NULL: no rows. No errors. Execute: owner and sidecar roles.';

-- Hands claims back that were not sent, for another worker to take at once.
CREATE FUNCTION x402.release(ids uuid[], lease_tokens bigint[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
  WITH held AS (
    SELECT q.payment_id FROM unnest(ids, lease_tokens) AS given (id, token)
    JOIN x402.queue q ON q.payment_id = given.id AND q.lease_token = given.token
    WHERE q.status <> 'settling'
    ORDER BY q.payment_id FOR UPDATE OF q
  )
  UPDATE x402.queue q SET lease_token = NULL, leased_by = NULL, leased_until = NULL, due_at = now()
  FROM held WHERE q.payment_id = held.payment_id
  RETURNING q.payment_id
$fn$;

COMMENT ON FUNCTION x402.release(uuid[], bigint[]) IS
'Hands claims back that were not sent, and returns their payments. VOLATILE, PARALLEL UNSAFE, SECURITY
DEFINER. NULL: no rows. No errors. Execute: owner and sidecar roles.';

-- Milliseconds until a claim would find something, 0 for now, NULL when nothing waits. A pending payment
-- in its last ten seconds is found again when it has run out.
CREATE FUNCTION x402.next_due(statuses text[] DEFAULT '{pending}') RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN (SELECT CASE WHEN count(*) > 0 THEN
    greatest(0, ceil(extract(epoch FROM min(claimable_at) - clock_timestamp()) * 1000))::bigint END
  FROM x402.queue q, LATERAL (
    SELECT greatest(q.due_at, coalesce(q.leased_until, q.due_at),
      CASE WHEN q.status = 'pending' AND q.valid_before > extract(epoch FROM clock_timestamp())
             AND q.valid_before <= extract(epoch FROM clock_timestamp()) + 10
           THEN to_timestamp(q.valid_before::float8) END) AS claimable_at) c
  WHERE q.status = ANY (statuses));
END $fn$;
COMMENT ON FUNCTION x402.next_due(text[]) IS
'Milliseconds until a claim of these statuses would find something: 0 for now, NULL when nothing waits. STABLE,
PARALLEL UNSAFE, SECURITY DEFINER. NULL: NULL. No errors. Execute: owner and sidecar roles.';
