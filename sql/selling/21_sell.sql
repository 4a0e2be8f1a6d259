-- Entering a payment for something that is delivered here. Planned as x402.submit() is.

CREATE FUNCTION x402.sell(payment jsonb, requirements jsonb, resource text, method text DEFAULT NULL,
  body_sha256 text DEFAULT NULL, verified boolean DEFAULT false, hold boolean DEFAULT false,
  max_unsettled integer DEFAULT NULL) RETURNS x402.sale
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
DECLARE
  sold uuid;
  sale x402.sale;
  first boolean;
BEGIN
  -- Before the row, as in x402.sell_many(): whoever waits for a payer holds no row of another's.
  IF max_unsettled IS NOT NULL THEN
    PERFORM x402._lock_payer(lower(payment #>> '{payload,authorization,from}'));
  END IF;
  sold := x402.submit(payment, requirements, resource, method, body_sha256, verified);
  INSERT INTO x402.deliveries (payment_id, payer)
  SELECT p.id, p.payer_address FROM @extschema@.x402_payments p WHERE p.id = sold ON CONFLICT DO NOTHING;
  first := FOUND;
  sale := x402._sale(sold);
  IF first AND max_unsettled IS NOT NULL THEN
    IF x402._open_sales(sale.payer) > max_unsettled THEN
      PERFORM x402._note_settled(ARRAY[sale.payer]);
    END IF;
    IF x402._open_sales(sale.payer) > max_unsettled THEN
      RAISE EXCEPTION 'too_many_unsettled: the payer has % payments that are not settled yet', max_unsettled
        USING ERRCODE = 'X4301', HINT = 'Wait until they are settled, then send the same payment again.';
    END IF;
  END IF;
  IF first AND hold THEN
    PERFORM x402._hold(sold);
  END IF;
  -- Only a first sale holds, so there is nothing to let go of in one.
  IF NOT (first OR coalesce(hold, false)) THEN
    PERFORM x402.settle_now(sold);
  END IF;
  RETURN sale;
END $fn$;
COMMENT ON FUNCTION x402.sell(jsonb, jsonb, text, text, text, boolean, boolean, integer) IS
'x402.submit() for a resource that is delivered under a claim (x402.claim_delivery). hold: do not settle before
x402.settle_now() is called, for sellers who answer first; the payment runs out if that never happens.
max_unsettled: how many payments of this payer may be open at once. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER.
NULL: as x402.submit(). Errors: those of x402.submit(); X4301 where the payer has too many open payments, and
nothing is recorded. Execute: owner and sidecar roles.';

-- Payments of one payer are counted one after the other, else the limit could be passed by asking at once. Inlined, as
-- x402._actor() is.
CREATE FUNCTION x402._lock_payer(payer text) RETURNS void
LANGUAGE sql
RETURN pg_advisory_xact_lock(hashtextextended('x402 unsettled ' || payer, 0));
COMMENT ON FUNCTION x402._lock_payer(text) IS
'Held until the transaction ends. VOLATILE, PARALLEL UNSAFE. NULL: locks nothing. Execute: owner.';

-- In the order in which everybody locks who writes several deliveries.
CREATE FUNCTION x402._note_settled(payers text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $fn$
  UPDATE x402.deliveries d SET unsettled = false
  WHERE d.payment_id IN (
    SELECT o.payment_id FROM x402.deliveries o JOIN @extschema@.x402_payments p ON p.id = o.payment_id
    WHERE o.payer = ANY (payers) AND o.unsettled AND p.status IN ('settled', 'failed', 'expired', 'review')
    ORDER BY o.payment_id FOR UPDATE OF o)
$fn$;
COMMENT ON FUNCTION x402._note_settled(text[]) IS
'Notes which of these payers'' payments are settled or closed by now. VOLATILE, PARALLEL UNSAFE. NULL: none. Execute:
owner.';

CREATE FUNCTION x402._open_sales(in_payer text) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN (SELECT count(*) FROM x402.deliveries d WHERE d.payer = in_payer AND d.unsettled);
COMMENT ON FUNCTION x402._open_sales(text) IS
'How many payments of a payer are sold and not known to be settled. STABLE, PARALLEL UNSAFE. NULL: 0. Execute: owner.';

-- Nobody settles a held payment; at validBefore it becomes due, and the worker finds it expired.
CREATE FUNCTION x402._held_until(valid_before numeric) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN to_timestamp(least(valid_before, 253402300799)::float8);
COMMENT ON FUNCTION x402._held_until(numeric) IS
'When a held payment becomes due: at validBefore, or at the end of the calendar. IMMUTABLE, PARALLEL SAFE. NULL: the end
of the calendar. Execute: owner.';

-- One that a worker has its hands on is not held any more.
CREATE FUNCTION x402._hold(in_payment_id uuid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $fn$
  UPDATE x402.queue SET due_at = x402._held_until(valid_before)
  WHERE payment_id = in_payment_id AND status = 'pending' AND attempts = 0 AND lease_token IS NULL
$fn$;
COMMENT ON FUNCTION x402._hold(uuid) IS
'Puts settling off until x402.settle_now(). VOLATILE, PARALLEL UNSAFE. Execute: owner.';

CREATE FUNCTION x402.settle_now(payment_id uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
#variable_conflict use_column
BEGIN
  UPDATE x402.queue q SET due_at = now()
  WHERE q.payment_id = settle_now.payment_id AND q.status = 'pending' AND q.attempts = 0
    AND q.lease_token IS NULL AND q.due_at > now();
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION x402.settle_now(uuid) IS
'Lets a held payment be settled; whether it was held. One that waits for a retry keeps its time. VOLATILE,
PARALLEL UNSAFE, SECURITY DEFINER. NULL: false. Execute: owner and sidecar roles.';

-- A signature that only the chain can check is not checked twice: the facilitator would say, rightly, that
-- the nonce is used. Who sends the very same payload again has shown what the first one had.
CREATE FUNCTION x402.is_recorded(payment jsonb, requirements jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
#variable_conflict use_variable
DECLARE
  signed constant jsonb := payment -> 'payload' -> 'authorization';
BEGIN
  RETURN EXISTS (
    SELECT FROM x402.authorizations a WHERE a.payment_id = (
      SELECT p.id FROM @extschema@.x402_payments p
      WHERE p.network = x402.normalize_network(requirements ->> 'network')
        AND p.asset = lower(requirements ->> 'asset') AND p.payer_address = lower(signed ->> 'from')
        AND p.nonce = lower(signed ->> 'nonce'))
      AND a.payment -> 'payload' = payment -> 'payload');
END $fn$;
COMMENT ON FUNCTION x402.is_recorded(jsonb, jsonb) IS
'Whether this very payload, signature and all, is in the ledger for the token of these requirements. STABLE,
PARALLEL UNSAFE, SECURITY DEFINER. NULL: false. Execute: owner and sidecar roles.';
