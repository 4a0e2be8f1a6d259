-- What the chain says of settled payments until it cannot change its mind.

-- Settled payments whose finality is behind the chain's. STABLE.
CREATE FUNCTION x402.unproven(in_network text, safe_block bigint, final_block bigint, after uuid DEFAULT NULL,
  batch integer DEFAULT 100)
RETURNS TABLE (id uuid, tx_hash text, log_index integer, block_number bigint, block_hash text, finality text,
  payer text, pay_to text, asset text, value text, nonce text, scheme text, valid_before text,
  created_unix bigint, settled_unix bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT p.id, p.tx_hash, p.log_index, p.block_number, p.block_hash, p.finality, p.payer_address, p.pay_to,
    p.asset, p.value::text, p.nonce, p.scheme, coalesce(a.valid_before, 0)::text,
    floor(extract(epoch FROM p.created_at))::bigint, floor(extract(epoch FROM p.settled_at))::bigint
  FROM @extschema@.x402_payments p LEFT JOIN x402.authorizations a ON a.payment_id = p.id
  -- In the words of the index x402_payments_unproven.
  WHERE p.status = 'settled' AND p.settled_at IS NOT NULL AND p.finality <> 'finalized' AND p.nonce IS NOT NULL AND NOT p.mock
    AND p.network = in_network AND p.id > coalesce(after, '00000000-0000-0000-0000-000000000000')
    AND (p.finality = 'none' OR p.finality = 'latest' AND p.block_number <= safe_block
         OR p.block_number <= final_block)
  ORDER BY p.id LIMIT batch;
END $fn$;
COMMENT ON FUNCTION x402.unproven(text, bigint, bigint, uuid, integer) IS
'Settled payments of a network whose finality can rise, in the order of their ids after "after". STABLE,
PARALLEL UNSAFE, SECURITY DEFINER. NULL network: no rows. No errors. Execute: owner and sidecar roles.';

-- How far a block is from being changed: none < latest < safe < finalized.
CREATE FUNCTION x402._depth(finality text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN array_position(ARRAY['none', 'latest', 'safe', 'finalized'], finality);

CREATE TYPE x402.confirmation AS (id uuid, tx_hash text, outcome text, finality text, block_number bigint,
  block_hash text, log_index integer, reason text, evidence jsonb);

-- Records what the chain says of settled payments: confirmed at some depth, or reorganised away, in
-- which case the payment goes back to work, or to a person where nobody could work on it. Nothing undoes
-- what is finalized.
CREATE FUNCTION x402.confirm(confirmations jsonb) RETURNS TABLE (id uuid, status text, applied boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
DECLARE
  given x402.confirmation;
BEGIN
  FOR given IN SELECT * FROM jsonb_populate_recordset(NULL::x402.confirmation, confirmations) c ORDER BY c.id LOOP
    id := given.id;
    applied := CASE given.outcome WHEN 'confirmed' THEN x402._deepen(given)
                                  WHEN 'reorganised' THEN x402._reopen(given) ELSE false END;
    status := (SELECT p.status FROM @extschema@.x402_payments p WHERE p.id = given.id);
    RETURN NEXT;
  END LOOP;
END $fn$;
COMMENT ON FUNCTION x402.confirm(jsonb) IS
'Records the finality of settled payments. Array of {id, tx_hash, outcome: confirmed|reorganised, finality?,
block_number?, block_hash?, log_index?, reason?, evidence?}; not applied where the payment is not settled by
that transaction any more, or is finalized. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL: no rows.
Errors: 22P02 for malformed values. Execute: owner and sidecar roles.';

CREATE FUNCTION x402._deepen(given x402.confirmation) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  payment @extschema@.x402_payments;
BEGIN
  SELECT * INTO payment FROM @extschema@.x402_payments p WHERE p.id = given.id FOR UPDATE;
  IF payment.status IS DISTINCT FROM 'settled' OR payment.tx_hash IS DISTINCT FROM lower(given.tx_hash)
     OR x402._is_disputed(given.id, payment.network, payment.tx_hash, given.log_index) THEN
    RETURN false;
  END IF;
  UPDATE @extschema@.x402_payments p SET block_number = given.block_number, block_hash = given.block_hash,
    log_index = coalesce(given.log_index, p.log_index),
    finality = CASE WHEN x402._depth(given.finality) > x402._depth(p.finality) THEN given.finality ELSE p.finality END
  WHERE p.id = given.id;
  RETURN true;
END $fn$;

CREATE FUNCTION x402._reopen(given x402.confirmation) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  UPDATE @extschema@.x402_payments p SET status = 'submitted', finality = 'none', block_number = NULL,
    block_hash = NULL, log_index = NULL
  WHERE p.id = given.id AND p.status = 'settled' AND p.finality <> 'finalized' AND p.tx_hash = lower(given.tx_hash);
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO x402.queue (payment_id, status, valid_before, uncertain)
  SELECT a.payment_id, 'submitted', a.valid_before, true FROM x402.authorizations a WHERE a.payment_id = given.id;
  INSERT INTO x402.events (payment_id, from_status, to_status, evidence)
  VALUES (given.id, 'settled', 'submitted', coalesce(given.evidence, '{}') || jsonb_strip_nulls(jsonb_build_object(
    'outcome', 'reorganised', 'reason', given.reason, 'tx_hash', lower(given.tx_hash))));
  IF NOT EXISTS (SELECT FROM x402.authorizations a WHERE a.payment_id = given.id) THEN
    -- An app settled it by itself: there is nothing that a worker could send again.
    UPDATE @extschema@.x402_payments p SET status = 'review', error_reason = 'reorganised' WHERE p.id = given.id;
    INSERT INTO x402.events (payment_id, from_status, to_status, evidence)
    VALUES (given.id, 'submitted', 'review', '{"reason": "no signed payment is kept that could be sent again"}');
  END IF;
  RETURN true;
END $fn$;
