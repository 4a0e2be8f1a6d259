-- Transfers to our payees that were found on the chain, whoever sent them.

-- How far a network has been scanned, and by whom: one worker at a time, fenced like a claim.
CREATE TABLE x402.scan_cursors (
  network text PRIMARY KEY,
  next_block bigint NOT NULL,
  block_hash text,
  lease_token bigint,
  leased_by text,
  leased_until timestamptz,
  moved_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE x402.scan_cursors IS 'Next block to scan for transfers to our payees, per network';

CREATE FUNCTION x402.scan_claim(in_network text, worker text, lease interval, start_block bigint)
RETURNS TABLE (next_block bigint, block_hash text, lease_token bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
  INSERT INTO x402.scan_cursors AS c (network, next_block, lease_token, leased_by, leased_until)
  VALUES (in_network, start_block, nextval('x402.lease_tokens'), worker, clock_timestamp() + lease)
  ON CONFLICT (network) DO UPDATE SET lease_token = EXCLUDED.lease_token, leased_by = EXCLUDED.leased_by,
    leased_until = EXCLUDED.leased_until
  WHERE c.leased_until IS NULL OR c.leased_until <= clock_timestamp() OR c.leased_by = EXCLUDED.leased_by
  RETURNING c.next_block, c.block_hash, c.lease_token
$fn$;
COMMENT ON FUNCTION x402.scan_claim(text, text, interval, bigint) IS
'Leases the scan of a network and returns where it stands; starts it at start_block. No row while another
worker holds it. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL: 23502. Execute: owner and sidecar roles.';

CREATE FUNCTION x402.scan_advance(in_network text, in_lease_token bigint, in_next_block bigint, in_block_hash text,
  lease interval) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
  WITH moved AS (
    UPDATE x402.scan_cursors c SET next_block = in_next_block, block_hash = in_block_hash, moved_at = now(),
      leased_until = clock_timestamp() + lease
    WHERE c.network = in_network AND c.lease_token = in_lease_token AND c.leased_until > clock_timestamp()
    RETURNING 1
  )
  SELECT EXISTS (SELECT FROM moved)
$fn$;
COMMENT ON FUNCTION x402.scan_advance(text, bigint, bigint, text, interval) IS
'Moves the scan of a network, also backwards after a reorganisation, and prolongs its lease; false where
the lease was lost. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Execute: owner and sidecar roles.';

-- The (token, payee) pairs to look for: each found by one step in an index, however many rows there are.
CREATE FUNCTION x402.scan_targets(in_network text) RETURNS TABLE (asset text, pay_to text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH RECURSIVE pairs AS (
    (SELECT p.asset, p.pay_to FROM @extschema@.x402_payments p
     WHERE p.network = in_network AND p.nonce IS NOT NULL AND p.pay_to IS NOT NULL ORDER BY p.asset, p.pay_to LIMIT 1)
    UNION ALL
    SELECT n.asset, n.pay_to FROM pairs CROSS JOIN LATERAL (
      SELECT p.asset, p.pay_to FROM @extschema@.x402_payments p
      WHERE p.network = in_network AND p.nonce IS NOT NULL AND p.pay_to IS NOT NULL
        AND (p.asset, p.pay_to) > (pairs.asset, pairs.pay_to)
      ORDER BY p.asset, p.pay_to LIMIT 1) n
  )
  SELECT * FROM pairs;
END $fn$;
COMMENT ON FUNCTION x402.scan_targets(text) IS
'Tokens and payees that payments of a network name. STABLE, PARALLEL UNSAFE, SECURITY DEFINER. NULL: no
rows. Execute: owner and sidecar roles.';

CREATE TYPE x402.transfer AS (network text, asset text, payer text, nonce text, pay_to text, value numeric,
  tx_hash text, log_index integer, block_number bigint, block_hash text, finality text, block_time bigint,
  evidence jsonb);

-- The chain outranks leases: a payment it shows settled is settled, whoever is working on it.
CREATE FUNCTION x402.record_transfers(transfers jsonb) RETURNS TABLE (id uuid, status text, applied boolean,
  tx_hash text, log_index integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
DECLARE
  seen x402.transfer;
  found uuid;
  payment @extschema@.x402_payments;
BEGIN
  PERFORM x402._lock_payments(ARRAY(
    SELECT x402._paid_by(t) FROM jsonb_populate_recordset(NULL::x402.transfer, transfers) t));
  FOR seen IN SELECT * FROM jsonb_populate_recordset(NULL::x402.transfer, transfers) t
              ORDER BY t.block_number, t.log_index LOOP
    seen.tx_hash := lower(seen.tx_hash);
    LOOP
      found := x402._paid_by(seen);
      PERFORM x402._lock_payments(ARRAY[found]);
      SELECT * INTO payment FROM @extschema@.x402_payments p WHERE p.id = found;
      -- Somebody may have settled it by another transfer meanwhile: then this one belongs to the next.
      EXIT WHEN found IS NOT DISTINCT FROM x402._paid_by(seen);
    END LOOP;
    CONTINUE WHEN payment.id IS NULL
      OR x402._is_disputed(payment.id, seen.network, seen.tx_hash, seen.log_index)
      OR payment.tx_hash IS DISTINCT FROM seen.tx_hash
         AND x402._is_taken(payment.id, seen.network, seen.tx_hash, seen.log_index);
    id := payment.id;
    tx_hash := seen.tx_hash;
    log_index := seen.log_index;
    applied := x402._apply_transfer(payment.id, payment.status, seen);
    status := (SELECT p.status FROM @extschema@.x402_payments p WHERE p.id = payment.id);
    RETURN NEXT;
  END LOOP;
END $fn$;
COMMENT ON FUNCTION x402.record_transfers(jsonb) IS
'Records transfers that were found on the chain. Array of {network, asset, payer, nonce (null for one that
belongs to no authorization), pay_to, value, tx_hash, log_index, block_number, block_hash, finality,
block_time, evidence}; returns the payments they belong to, and leaves out those that belong to none yet. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER.
NULL: no rows. Errors: 22P02 for malformed values. Execute: owner and sidecar roles.';

-- Takes the locks in the order that everybody takes them in, whatever order the blocks have: first the queue's
-- rows, then the ledger's, each by id. Otherwise a worker that records an outcome and this wait for each other.
CREATE FUNCTION x402._lock_payments(ids uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  PERFORM FROM x402.queue q WHERE q.payment_id = ANY (ids) ORDER BY q.payment_id FOR UPDATE;
  PERFORM FROM @extschema@.x402_payments p WHERE p.id = ANY (ids) ORDER BY p.id FOR UPDATE;
END $fn$;

-- The payment a transfer belongs to: by its authorization, or the oldest deferred payment it matches.
CREATE FUNCTION x402._paid_by(seen x402.transfer) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN (SELECT p.id FROM @extschema@.x402_payments p
    WHERE p.network = seen.network AND p.asset = lower(seen.asset) AND p.payer_address = lower(seen.payer)
      AND p.pay_to = lower(seen.pay_to) AND p.value = seen.value AND p.nonce IS NOT NULL
      AND (p.nonce = lower(seen.nonce)
           OR seen.nonce IS NULL AND p.scheme = 'aggr_deferred' AND p.status = 'accepted'
              AND p.created_at <= to_timestamp(seen.block_time))
    ORDER BY p.created_at LIMIT 1);
END $fn$;

-- A payment that is being settled belongs to its worker; but the worker may hear "insufficient balance" for the
-- very reason that somebody else's transaction has paid. From now on no refusal proves anything.
CREATE FUNCTION x402._doubt(payment_id uuid, seen x402.transfer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  UPDATE x402.queue q SET uncertain = true WHERE q.payment_id = _doubt.payment_id AND NOT q.uncertain;
  IF FOUND THEN
    INSERT INTO x402.events (payment_id, from_status, to_status, evidence)
    VALUES (payment_id, 'settling', 'settling', coalesce(seen.evidence, '{}') || jsonb_build_object(
      'action', 'found on chain', 'tx_hash', seen.tx_hash, 'log_index', seen.log_index, 'block_number', seen.block_number));
  END IF;
END $fn$;

CREATE FUNCTION x402._apply_transfer(payment_id uuid, from_status text, seen x402.transfer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  to_status text := x402._seen_status(from_status);
BEGIN
  IF from_status = 'settling' THEN
    PERFORM x402._doubt(payment_id, seen);
    RETURN false;
  ELSIF to_status IS NULL THEN
    RETURN from_status = 'settled' AND x402._deepen(ROW(payment_id, seen.tx_hash, 'confirmed', seen.finality,
      seen.block_number, seen.block_hash, seen.log_index, NULL, NULL)::x402.confirmation);
  END IF;
  UPDATE @extschema@.x402_payments p SET status = to_status, tx_hash = seen.tx_hash, log_index = seen.log_index,
    block_number = seen.block_number, block_hash = seen.block_hash, finality = coalesce(seen.finality, p.finality),
    settled_at = CASE to_status WHEN 'settled' THEN coalesce(p.settled_at, now()) ELSE p.settled_at END,
    error_reason = CASE to_status WHEN 'settled' THEN NULL ELSE 'paid_after_' || p.status END
  WHERE p.id = _apply_transfer.payment_id;
  DELETE FROM x402.queue q WHERE q.payment_id = _apply_transfer.payment_id;
  INSERT INTO x402.events (payment_id, from_status, to_status, evidence)
  VALUES (payment_id, from_status, to_status, coalesce(seen.evidence, '{}') || jsonb_build_object(
    'outcome', 'found on chain', 'tx_hash', seen.tx_hash, 'log_index', seen.log_index, 'block_number', seen.block_number));
  RETURN true;
END $fn$;
