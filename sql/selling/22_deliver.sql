-- Who delivers, and what was delivered. A claim is a lease with a rising token, like a worker's: a gateway
-- that lost it changes nothing any more.

-- Most times that a buyer may break off an answer too large to keep and have it fetched anew.
CREATE FUNCTION x402._max_interrupted() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp RETURN 3;

-- Whoever finds a delivery locked does not wait for it: somebody is at it. Planned as x402.finish() is.
CREATE FUNCTION x402.claim_deliveries(payment_ids uuid[], worker text, leases interval[], settled_only boolean[])
RETURNS TABLE (n bigint, token bigint, state text, status text, busy_ms bigint, answer_status integer,
  answer_headers jsonb, answer_body bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS $fn$
#variable_conflict use_column
DECLARE
  at timestamptz := clock_timestamp();
  places bigint[];
  tokens bigint[];
BEGIN
  IF worker IS NULL OR EXISTS (SELECT FROM unnest(payment_ids, leases, settled_only) AS g (id, lease, settled_only)
       WHERE g.settled_only IS NULL OR g.lease > interval '0' IS NOT TRUE) THEN
    RAISE invalid_parameter_value USING MESSAGE = 'worker, a positive lease and settled_only are needed';
  END IF;
  WITH free AS (
    SELECT d.payment_id, g.n, g.lease
    FROM unnest(payment_ids, leases, settled_only) WITH ORDINALITY AS g (id, lease, settled_only, n)
    JOIN x402.deliveries d ON d.payment_id = g.id AND d.payment_id = ANY (payment_ids)
    JOIN @extschema@.x402_payments p ON p.id = g.id AND p.id = ANY (payment_ids)
    WHERE (d.state = 'open' OR d.state = 'claimed' AND d.claimed_until <= at)
      AND (p.status = 'settled' OR NOT g.settled_only) AND d.interrupted < x402._max_interrupted()
    FOR UPDATE OF d SKIP LOCKED
  ), taken AS (
    UPDATE x402.deliveries d SET state = 'claimed', token = nextval('x402.lease_tokens'), claimed_by = worker,
      claimed_until = at + f.lease, attempts = d.attempts + 1
    FROM free f WHERE d.payment_id = f.payment_id AND d.payment_id = ANY (payment_ids)
    RETURNING f.n, d.token
  )
  SELECT array_agg(t.n), array_agg(t.token) INTO places, tokens FROM taken t;
  RETURN QUERY
  SELECT g.n, t.token,
    CASE WHEN t.token IS NOT NULL THEN 'claimed'
         WHEN d.interrupted >= x402._max_interrupted() THEN 'answered'
         WHEN d.state = 'answered' AND p.status <> 'settled' THEN 'unpaid'
         -- Free by now, or about to be somebody's: the caller looks again.
         WHEN d.state = 'open' AND (p.status = 'settled' OR NOT g.settled_only) THEN 'claimed'
         ELSE d.state END, p.status,
    CASE WHEN t.token IS NULL THEN greatest(0, extract(epoch FROM d.claimed_until - at) * 1000)::bigint END,
    d.answer_status, d.answer_headers,
    -- An answer that was recorded before the payment settled is nobody's until it has.
    CASE WHEN p.status = 'settled' AND d.kept_until > at THEN d.answer_body END
  FROM unnest(payment_ids, settled_only) WITH ORDINALITY AS g (id, settled_only, n)
  JOIN x402.deliveries d ON d.payment_id = g.id AND d.payment_id = ANY (payment_ids)
  JOIN @extschema@.x402_payments p ON p.id = g.id AND p.id = ANY (payment_ids)
  LEFT JOIN unnest(places, tokens) AS t (n, token) ON t.n = g.n;
END $fn$;
COMMENT ON FUNCTION x402.claim_deliveries(uuid[], text, interval[], boolean[]) IS
'x402.claim_delivery() for several deliveries at once, each given by its place in every array; n is that place, from 1.
Of several claims of one delivery one gets it. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL payments or unknown ones:
no row. Errors, for the whole call: 22023 without worker, or with a NULL or a lease that is not positive. Execute: owner
and sidecar roles.';

CREATE FUNCTION x402.claim_delivery(payment_id uuid, worker text, lease interval, settled_only boolean DEFAULT true)
RETURNS TABLE (token bigint, state text, status text, busy_ms bigint, answer_status integer,
  answer_headers jsonb, answer_body bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT c.token, c.state, c.status, c.busy_ms, c.answer_status, c.answer_headers, c.answer_body
  FROM x402.claim_deliveries(ARRAY[payment_id], worker, ARRAY[lease], ARRAY[settled_only]) AS c;
END;
COMMENT ON FUNCTION x402.claim_delivery(uuid, text, interval, boolean) IS
'Claims the delivery of a payment that was entered by x402.sell(), until the lease runs out. Of any number of
callers one gets a token and fetches the answer; the others get the state: claimed (busy_ms: how long its lease
lasts, or 0 where somebody is just taking it or handing it back), unpaid, or answered, with the answer while it is kept.
settled_only: not before the payment is settled. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL payment or an unknown
one: no row. Errors: 22023 without worker, positive lease or settled_only. Execute: owner and sidecar roles.';

CREATE FUNCTION x402.extend_delivery(payment_id uuid, token bigint, lease interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
BEGIN
  UPDATE x402.deliveries d SET claimed_until = clock_timestamp() + lease
  WHERE d.payment_id = extend_delivery.payment_id AND d.token = extend_delivery.token
    AND d.state = 'claimed' AND d.claimed_until > clock_timestamp();
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION x402.extend_delivery(uuid, bigint, interval) IS
'Prolongs a claim that is still live; whether it was. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL: false.
Execute: owner and sidecar roles.';

-- Deliveries, and then payments, are locked in the order of their ids, as by all who write several: an index scan takes
-- its keys in order, a bitmap scan would not. Planned as x402.finish() is.
CREATE FUNCTION x402.answer_deliveries(payment_ids uuid[], tokens bigint[], statuses integer[], headers jsonb[],
  bodies bytea[], keeps interval[], delivered boolean[]) RETURNS TABLE (payment_id uuid, token bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS $fn$
#variable_conflict use_column
DECLARE
  at timestamptz := clock_timestamp();
  held_ids uuid[];
  held_tokens bigint[];
  waiting uuid[];
BEGIN
  WITH held AS (
    SELECT d.payment_id, d.token, g.status, g.headers, CASE WHEN g.keep > interval '0' THEN g.body END AS body, g.keep,
      coalesce(g.goes_out, false) AS goes_out
    FROM unnest(payment_ids, tokens, statuses, headers, bodies, keeps, delivered)
      AS g (id, token, status, headers, body, keep, goes_out)
    JOIN x402.deliveries d ON d.payment_id = g.id AND d.token = g.token AND d.payment_id = ANY (payment_ids)
    WHERE d.state = 'claimed'
    ORDER BY d.payment_id FOR UPDATE OF d
  ), answered AS (
    UPDATE x402.deliveries d SET state = 'answered', claimed_until = NULL,
      delivered_at = CASE WHEN h.goes_out THEN coalesce(d.delivered_at, at) ELSE d.delivered_at END,
      unsettled = d.unsettled AND NOT h.goes_out, answer_status = h.status, answer_headers = h.headers,
      answer_body = h.body, kept_until = CASE WHEN h.body IS NOT NULL THEN at + h.keep END
    FROM held h WHERE d.payment_id = h.payment_id AND d.payment_id = ANY (payment_ids)
  ), gone_out AS (  -- as x402.mark_delivered() does
    UPDATE @extschema@.x402_payments p SET delivered_at = at
    WHERE p.id = ANY (ARRAY(SELECT h.payment_id FROM held h WHERE h.goes_out ORDER BY h.payment_id))
      AND p.delivered_at IS NULL
  )
  SELECT array_agg(h.payment_id), array_agg(h.token), array_agg(h.payment_id) FILTER (WHERE NOT h.goes_out)
  INTO held_ids, held_tokens, waiting FROM held h;
  -- Payments that waited for their answers may be settled from here on.
  PERFORM x402.settle_now(w) FROM unnest(waiting) w;
  RETURN QUERY SELECT * FROM unnest(held_ids, held_tokens);
END $fn$;
COMMENT ON FUNCTION x402.answer_deliveries(uuid[], bigint[], integer[], jsonb[], bytea[], interval[], boolean[]) IS
'x402.answer_delivery() for several deliveries at once, each given by its place in every array. Returns those
whose claim still held. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL ids or tokens: no rows; NULL body or keep:
not kept; NULL delivered: false. Errors: 23514 for a status that is none of HTTP. Execute: owner and sidecar roles.';

CREATE FUNCTION x402.answer_delivery(payment_id uuid, token bigint, answer_status integer, answer_headers jsonb,
  answer_body bytea, keep interval, delivered boolean) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM x402.answer_deliveries(ARRAY[payment_id], ARRAY[token], ARRAY[answer_status],
  ARRAY[answer_headers], ARRAY[answer_body], ARRAY[keep], ARRAY[delivered]));
COMMENT ON FUNCTION x402.answer_delivery(uuid, bigint, integer, jsonb, bytea, interval, boolean) IS
'Records the answer to a claimed delivery, and keeps status, headers and body for so long; a NULL body is not
kept. delivered: it goes out now; else it waits for the payment, which may be settled from here on. Whether the
claim still held. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL payment or token: false. Errors: 23514 for a
status that is none of HTTP. Execute: owner and sidecar roles.';

CREATE FUNCTION x402.mark_delivered(payment_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
BEGIN
  UPDATE x402.deliveries d SET delivered_at = clock_timestamp(), unsettled = false
  WHERE d.payment_id = mark_delivered.payment_id AND d.delivered_at IS NULL AND d.state = 'answered';
  UPDATE @extschema@.x402_payments p SET delivered_at = clock_timestamp()
  WHERE p.id = mark_delivered.payment_id AND p.delivered_at IS NULL
    AND NOT EXISTS (SELECT FROM x402.deliveries d WHERE d.payment_id = p.id AND d.delivered_at IS NULL);
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION x402.mark_delivered(uuid) IS
'Notes that the answer goes out; once: true the first time. For a payment that is delivered elsewhere: that the
one who delivers was told of its settlement. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL: false. Execute:
owner and sidecar roles.';

CREATE FUNCTION x402.abandon_delivery(payment_id uuid, token bigint, interrupted boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
BEGIN
  UPDATE x402.deliveries d SET state = 'open', claimed_until = NULL,
    interrupted = d.interrupted + abandon_delivery.interrupted::integer
  WHERE d.payment_id = abandon_delivery.payment_id AND d.token = abandon_delivery.token AND d.state = 'claimed';
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION x402.abandon_delivery(uuid, bigint, boolean) IS
'Hands a claim back because there was no answer to deliver, so that the buyer can ask again with the same
payment. interrupted: the buyer broke off an answer too large to keep, which is granted three times. Whether the
claim still held. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL payment or token: false. Execute: owner and
sidecar roles.';

CREATE FUNCTION x402.purge_answers(batch integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  purged bigint;
BEGIN
  UPDATE x402.deliveries d SET answer_body = NULL, answer_headers = NULL, kept_until = NULL
  WHERE d.payment_id IN (SELECT payment_id FROM x402.deliveries WHERE kept_until <= clock_timestamp()
                         ORDER BY kept_until LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END $fn$;
COMMENT ON FUNCTION x402.purge_answers(integer) IS
'Forgets answers that were kept long enough, so many at most, and returns how many. VOLATILE, PARALLEL UNSAFE,
SECURITY DEFINER. NULL: all. Execute: owner and sidecar roles.';
