-- Who delivers, and what was delivered. A claim is a lease with a rising token, like a worker's: a gateway
-- that lost it changes nothing any more. Planned as x402.submit() is, which matters most for what every buyer waits for.

-- Most times that a buyer may break off an answer too large to keep and have it fetched anew.
CREATE FUNCTION x402._max_interrupted() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp RETURN 3;

CREATE FUNCTION x402.claim_delivery(payment_id uuid, worker text, lease interval, settled_only boolean DEFAULT true)
RETURNS TABLE (token bigint, state text, status text, busy_ms bigint, answer_status integer,
  answer_headers jsonb, answer_body bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
#variable_conflict use_column
DECLARE
  now_at timestamptz := clock_timestamp();
  ours bigint;
  held x402.deliveries;
  paid text;
BEGIN
  IF worker IS NULL OR lease IS NULL OR settled_only IS NULL OR lease <= interval '0' THEN
    RAISE invalid_parameter_value USING MESSAGE = 'worker, a positive lease and settled_only are needed';
  END IF;
  LOOP
    UPDATE x402.deliveries d SET state = 'claimed', token = nextval('x402.lease_tokens'), claimed_by = worker,
      claimed_until = now_at + lease, attempts = d.attempts + 1
    FROM @extschema@.x402_payments p
    WHERE d.payment_id = claim_delivery.payment_id AND p.id = d.payment_id
      AND (d.state = 'open' OR d.state = 'claimed' AND d.claimed_until <= now_at)
      AND (p.status = 'settled' OR NOT settled_only) AND d.interrupted < x402._max_interrupted()
    RETURNING d.token, p.status INTO ours, paid;
    IF FOUND THEN
      RETURN QUERY SELECT ours, 'claimed', paid, NULL::bigint, NULL::integer, NULL::jsonb, NULL::bytea;
      RETURN;
    END IF;
    SELECT * INTO held FROM x402.deliveries d WHERE d.payment_id = claim_delivery.payment_id;
    IF NOT FOUND THEN
      RETURN;
    END IF;
    SELECT p.status INTO paid FROM @extschema@.x402_payments p WHERE p.id = held.payment_id;
    -- Somebody may have handed it back since, or it was settled.
    EXIT WHEN paid IS NULL OR held.state = 'answered' OR held.state = 'claimed' AND held.claimed_until > now_at
      OR settled_only AND paid <> 'settled' OR held.interrupted >= x402._max_interrupted();
  END LOOP;
  RETURN QUERY SELECT NULL::bigint,
    CASE WHEN held.interrupted >= x402._max_interrupted() THEN 'answered'
         WHEN held.state = 'answered' AND paid <> 'settled' THEN 'unpaid' ELSE held.state END, paid,
    greatest(0, extract(epoch FROM held.claimed_until - now_at) * 1000)::bigint,
    held.answer_status, held.answer_headers,
    -- An answer that was recorded before the payment settled is nobody's until it has.
    CASE WHEN paid = 'settled' AND held.kept_until > now_at THEN held.answer_body END;
END $fn$;
COMMENT ON FUNCTION x402.claim_delivery(uuid, text, interval, boolean) IS
'Claims the delivery of a payment that was entered by x402.sell() or x402.sell_many(), until the lease runs out. Of any
number of callers one gets a token and fetches the answer; the others get the state: claimed (busy_ms: how long its lease
lasts), unpaid, or answered, with the answer while it is kept. settled_only: not before the payment is settled.
VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL payment or an unknown one: no row. Errors: 22023 without worker,
positive lease or settled_only. Execute: owner and sidecar roles.';

-- The token tells whose it is; a lease that ran out is ours until somebody else took it.
CREATE FUNCTION x402.extend_delivery(payment_id uuid, token bigint, lease interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
#variable_conflict use_column
BEGIN
  UPDATE x402.deliveries d SET claimed_until = clock_timestamp() + lease
  WHERE d.payment_id = extend_delivery.payment_id AND d.token = extend_delivery.token AND d.state = 'claimed';
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION x402.extend_delivery(uuid, bigint, interval) IS
'Prolongs a claim that nobody else has taken over; whether none has. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL
payment or token: false. Errors: 23514 for a NULL lease. Execute: owner and sidecar roles.';

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
      coalesce(g.goes_out, false) AS goes_out, d.state = 'claimed' AS is_new
    FROM unnest(payment_ids, tokens, statuses, headers, bodies, keeps, delivered)
      AS g (id, token, status, headers, body, keep, goes_out)
    JOIN x402.deliveries d ON d.payment_id = g.id AND d.token = g.token AND d.payment_id = ANY (payment_ids)
    -- What this very claim has answered already is held by it: an acknowledgement may be lost. (A crash can take a claim
    -- back that did not wait for the disk, and its token can be given out again: then both are told that it is theirs.)
    WHERE d.state IN ('claimed', 'answered')
    ORDER BY d.payment_id FOR UPDATE OF d
  ), answered AS (
    UPDATE x402.deliveries d SET state = 'answered', claimed_until = NULL,
      delivered_at = CASE WHEN h.goes_out THEN coalesce(d.delivered_at, at) ELSE d.delivered_at END,
      unsettled = d.unsettled AND NOT h.goes_out, answer_status = h.status, answer_headers = h.headers,
      answer_body = h.body, kept_until = CASE WHEN h.body IS NOT NULL THEN at + h.keep END
    FROM held h WHERE d.payment_id = h.payment_id AND d.payment_id = ANY (payment_ids) AND h.is_new
  ), gone_out AS (  -- as x402.mark_delivered() does
    UPDATE @extschema@.x402_payments p SET delivered_at = at
    WHERE p.id = ANY (ARRAY(SELECT h.payment_id FROM held h WHERE h.goes_out AND h.is_new ORDER BY h.payment_id))
      AND p.delivered_at IS NULL
  )
  SELECT array_agg(h.payment_id), array_agg(h.token), array_agg(h.payment_id) FILTER (WHERE h.is_new AND NOT h.goes_out)
  INTO held_ids, held_tokens, waiting FROM held h;
  -- Payments that waited for their answers may be settled from here on.
  PERFORM x402.settle_now(w) FROM unnest(waiting) w;
  RETURN QUERY SELECT * FROM unnest(held_ids, held_tokens);
END $fn$;
COMMENT ON FUNCTION x402.answer_deliveries(uuid[], bigint[], integer[], jsonb[], bytea[], interval[], boolean[]) IS
'x402.answer_delivery() for several deliveries at once, each given by its place in every array. Returns those
whose claim still held, or has recorded its answer before. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL ids or
tokens: no rows; NULL body or keep: not kept; NULL delivered: false. Errors: 23514 for a status that is none of HTTP. Execute: owner and sidecar roles.';

CREATE FUNCTION x402.answer_delivery(payment_id uuid, token bigint, answer_status integer, answer_headers jsonb,
  answer_body bytea, keep interval, delivered boolean) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM x402.answer_deliveries(ARRAY[payment_id], ARRAY[token], ARRAY[answer_status],
  ARRAY[answer_headers], ARRAY[answer_body], ARRAY[keep], ARRAY[delivered]));
COMMENT ON FUNCTION x402.answer_delivery(uuid, bigint, integer, jsonb, bytea, interval, boolean) IS
'Records the answer to a claimed delivery, and keeps status, headers and body for so long; a NULL body is not
kept. delivered: it goes out now; else it waits for the payment, which may be settled from here on. Whether the
claim still held, or has recorded its answer before; the first answer stays. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL payment or token: false. Errors: 23514 for a
status that is none of HTTP. Execute: owner and sidecar roles.';

CREATE FUNCTION x402.mark_delivered(payment_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
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
