-- Entering a payment into the ledger.

-- What the protocol's rules say of a payment: x402.verify() in one value.
CREATE TYPE x402.judgement AS (verdict text, reason text, message text, errcode text, payer text,
  network text, asset text, pay_to text, scheme text, value numeric, nonce text, valid_after numeric,
  valid_before numeric);

-- The payment an authorization already has, with what binds it.
CREATE TYPE x402.recorded AS (id uuid, created_at timestamptz, pay_to text, value numeric,
  valid_after numeric, valid_before numeric, resource text, method text, body_sha256 text);

CREATE FUNCTION x402._find_payment(judged x402.judgement) RETURNS x402.recorded
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found x402.recorded;
BEGIN
  SELECT p.id, p.created_at, p.pay_to, p.value, a.valid_after, a.valid_before, a.resource, a.method, a.body_sha256
  INTO found
  FROM @extschema@.x402_payments p LEFT JOIN x402.authorizations a ON a.payment_id = p.id
  WHERE p.network = judged.network AND p.asset = judged.asset AND p.payer_address = judged.payer
    AND p.nonce = judged.nonce;
  RETURN found;
END $fn$;

-- Judges at the database's time; a payment that is already recorded is judged at the time it was
-- recorded, so that a buyer who sends it again after it ran out still finds it. The signature counts
-- either way: payer and nonce are public once a transfer is on the chain.
CREATE FUNCTION x402._judge_submission(payment jsonb, requirements jsonb, at timestamptz, verified boolean)
RETURNS x402.judgement
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  vouched jsonb := (SELECT jsonb_agg(to_jsonb(v)) FROM x402.vouched_assets v);
  judged x402.judgement;
BEGIN
  SELECT * INTO judged FROM x402.verify(payment, requirements, at, vouched);
  IF judged.verdict = 'indeterminate' AND NOT verified THEN
    judged.verdict := 'invalid';
    judged.errcode := 'X4206';
    judged.message := judged.message || '; have the facilitator verify it and submit it with verified => true';
  END IF;
  RETURN judged;
END $fn$;

CREATE FUNCTION x402._raise_judgement(judged x402.judgement) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RAISE EXCEPTION '%: %', judged.reason, judged.message USING ERRCODE = judged.errcode;
END $fn$;

-- Rows are found by their indexes, also by a plan that is kept from when the ledger was a page or two: by the statistics
-- of a small table reading it whole is cheaper, until they are gathered anew.
CREATE FUNCTION x402.submit(payment jsonb, requirements jsonb, resource text DEFAULT NULL,
  method text DEFAULT NULL, body_sha256 text DEFAULT NULL, verified boolean DEFAULT false) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
DECLARE
  bound_to text := coalesce(nullif(resource, ''), requirements ->> 'resource');
  judged x402.judgement;
  found x402.recorded;
  new_id uuid;
BEGIN
  IF payment IS NULL OR requirements IS NULL OR verified IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'payment, requirements and verified must not be NULL';
  END IF;
  IF bound_to IS NULL THEN
    RAISE invalid_parameter_value USING MESSAGE = 'the payment names no resource',
      HINT = 'Pass what is paid for as "resource": a payment is bound to it at first sight.';
  END IF;
  judged := x402._judge_submission(payment, requirements, clock_timestamp(), verified);
  LOOP
    found := x402._find_payment(judged);
    IF found.id IS NOT NULL THEN
      RETURN x402._resubmit(found, payment, requirements, judged, verified, bound_to, method, body_sha256);
    END IF;
    IF judged.verdict = 'invalid' THEN
      PERFORM x402._raise_judgement(judged);
    END IF;
    new_id := x402._enter(judged, payment, requirements, bound_to, method, body_sha256);
    IF new_id IS NOT NULL THEN
      RETURN new_id;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE serialization_failure USING
        MESSAGE = 'another transaction is submitting the same authorization', HINT = 'Try again.';
    END IF;
  END LOOP;
END $fn$;
COMMENT ON FUNCTION x402.submit(jsonb, jsonb, text, text, text, boolean) IS
'Records a signed payment as pending and returns its id; the same authorization returns the same id.
VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL payment, requirements or verified: 22004.
Errors: X40xx for each reason that makes the payment invalid, X4206 for a
signature that only the chain or the facilitator can check, X4019 for a nonce that is bound to
another resource or another authorization, 22023 without a resource, 40001 in REPEATABLE READ and above.
Execute: owner and sidecar roles.';

-- The same authorization again: judged as of its first sight, bound to the same resource, same terms.
CREATE FUNCTION x402._resubmit(found x402.recorded, payment jsonb, requirements jsonb, judged x402.judgement,
  verified boolean, bound_to text, in_method text, in_body text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  seen_at numeric := least(extract(epoch FROM found.created_at), coalesce(found.valid_before, 'infinity') - 6);
BEGIN
  IF judged.verdict = 'invalid' THEN
    judged := x402._judge_submission(payment, requirements, to_timestamp(seen_at::float8), verified);
    IF judged.verdict = 'invalid' THEN
      PERFORM x402._raise_judgement(judged);
    END IF;
  END IF;
  IF (found.pay_to, found.value) IS DISTINCT FROM (judged.pay_to, judged.value)
     OR found.valid_before IS NOT NULL AND
        (found.valid_after, found.valid_before) IS DISTINCT FROM (judged.valid_after, judged.valid_before) THEN
    RAISE EXCEPTION 'duplicate_settlement: the nonce already belongs to another authorization'
      USING ERRCODE = 'X4019', HINT = 'A buyer signs each authorization with a nonce of its own.';
  END IF;
  IF found.resource IS NOT NULL AND
     (found.resource, found.method, found.body_sha256) IS DISTINCT FROM (bound_to, in_method, in_body) THEN
    RAISE EXCEPTION 'duplicate_settlement: the payment is bound to another resource'
      USING ERRCODE = 'X4019', HINT = 'One payment buys one resource; sign a new authorization for this one.';
  END IF;
  RETURN found.id;
END $fn$;

-- One row in each table, in one transaction. NULL: somebody else was first.
CREATE FUNCTION x402._enter(judged x402.judgement, payment jsonb, requirements jsonb, bound_to text,
  in_method text, in_body text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  new_id uuid;
BEGIN
  INSERT INTO @extschema@.x402_payments (payer_address, endpoint, amount, chain, status, network, asset,
    pay_to, nonce, scheme, value)
  VALUES (judged.payer, bound_to, judged.value::text, x402.chain_name(judged.network), 'pending',
    judged.network, judged.asset, judged.pay_to, judged.nonce, judged.scheme, judged.value)
  ON CONFLICT (network, asset, payer_address, nonce) WHERE nonce IS NOT NULL DO NOTHING
  RETURNING id INTO new_id;
  IF new_id IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO x402.authorizations (payment_id, payment, requirements, valid_after, valid_before, resource, method, body_sha256)
  VALUES (new_id, payment, requirements, judged.valid_after, judged.valid_before, bound_to, in_method, in_body);
  INSERT INTO x402.queue (payment_id, valid_before) VALUES (new_id, judged.valid_before);
  RETURN new_id;
END $fn$;
