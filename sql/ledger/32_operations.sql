-- What an operator asks and does. Every action is an event with who acted and why.

-- The life of a payment, a sentence for each event.
CREATE FUNCTION x402.explain(payment_id uuid) RETURNS TABLE (at timestamptz, sentence text, evidence jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN QUERY
  SELECT e.at, CASE
      WHEN e.from_status IS NULL THEN format('%s recorded it as %s', e.actor, e.to_status)
      WHEN e.from_status = e.to_status THEN format('%s: %s, still %s', e.actor, e.evidence ->> 'action', e.to_status)
      ELSE format('%s moved it from %s to %s', e.actor, e.from_status, e.to_status) END
    || coalesce(', attempt ' || (e.evidence ->> 'attempt'), '')
    || coalesce(': ' || (e.evidence ->> 'reason'), '')
    || coalesce(', transaction ' || (e.evidence ->> 'tx_hash'), '') || '.', e.evidence
  FROM x402.events e WHERE e.payment_id = explain.payment_id ORDER BY e.id;
END $fn$;
COMMENT ON FUNCTION x402.explain(uuid) IS
'The events of a payment, each as a sentence with its evidence. STABLE, PARALLEL UNSAFE, SECURITY DEFINER.
NULL or an unknown id: no rows. No errors. Execute: owner and sidecar roles.';

-- Locks a payment for an action and returns its status; refuses it in any other than those given.
-- The queue's row comes first, as everywhere, so that a worker and an operator cannot wait for each other.
CREATE FUNCTION x402._open_for(payment_id uuid, action text, allowed text[], hint text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found text;
BEGIN
  PERFORM FROM x402.queue q WHERE q.payment_id = _open_for.payment_id FOR UPDATE;
  SELECT p.status INTO found FROM @extschema@.x402_payments p WHERE p.id = payment_id FOR UPDATE;
  IF found IS NULL THEN
    RAISE no_data_found USING MESSAGE = format('there is no payment %s', coalesce(payment_id::text, 'NULL'));
  ELSIF found <> ALL (allowed) THEN
    RAISE EXCEPTION 'a payment that is % cannot be %', found, action USING ERRCODE = 'X4207', HINT = hint;
  END IF;
  RETURN found;
END $fn$;

-- Moves a payment by an operator's hand.
CREATE FUNCTION x402._act(payment_id uuid, from_status text, to_status text, action text, reason text,
  on_behalf_of text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  IF reason IS NULL OR btrim(reason) = '' THEN
    RAISE invalid_parameter_value USING MESSAGE = 'say why: the reason is part of the audit trail';
  END IF;
  UPDATE @extschema@.x402_payments p SET status = to_status,
    error_reason = CASE WHEN to_status IN ('failed', 'review') THEN action ELSE NULL END,
    settled_at = CASE to_status WHEN 'settled' THEN coalesce(p.settled_at, now()) ELSE p.settled_at END
  WHERE p.id = payment_id AND from_status <> to_status;
  INSERT INTO x402.events (payment_id, from_status, to_status, evidence)
  VALUES (payment_id, from_status, to_status, jsonb_strip_nulls(jsonb_build_object(
    'action', action, 'reason', reason, 'on_behalf_of', on_behalf_of)));
END $fn$;

-- Brings the next look at an open payment forward; one in review goes back to reconciliation.
CREATE FUNCTION x402.retry(payment_id uuid, reason text DEFAULT 'retry', on_behalf_of text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found text := x402._open_for(payment_id, 'retried', '{pending,unknown,submitted,accepted,review}',
    'A settling payment has a worker; a failed or expired one needs a new authorization from the buyer.');
  target text := CASE found WHEN 'review' THEN 'unknown' ELSE found END;
BEGIN
  IF found = 'review' AND NOT EXISTS (SELECT FROM x402.authorizations a WHERE a.payment_id = retry.payment_id) THEN
    RAISE EXCEPTION 'a payment that an app settled by itself cannot be retried' USING ERRCODE = 'X4207',
      HINT = 'Nothing signed is kept that could be sent; x402.accept() or x402.write_off() decides.';
  END IF;
  PERFORM x402._act(payment_id, found, target, 'retry', reason, on_behalf_of);
  IF found = 'review' THEN
    INSERT INTO x402.queue (payment_id, status, valid_before, uncertain)
    SELECT a.payment_id, 'unknown', a.valid_before, true FROM x402.authorizations a WHERE a.payment_id = retry.payment_id;
  ELSE
    UPDATE x402.queue q SET due_at = now() WHERE q.payment_id = retry.payment_id;
  END IF;
  RETURN target;
END $fn$;
COMMENT ON FUNCTION x402.retry(uuid, text, text) IS
'Has an open payment looked at now, and sends one in review back to reconciliation; returns its status.
VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Errors: P0002 without such a payment (NULL too), X4207 in another
status or in review without a signed payment, 22023 without a reason. Execute: owner and sidecar roles.';

-- Withdraws a payment that was never sent.
CREATE FUNCTION x402.cancel(payment_id uuid, reason text, on_behalf_of text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found text := x402._open_for(payment_id, 'cancelled', '{pending}',
    'Only what was never sent can be cancelled; x402.write_off() closes what stays unknown.');
BEGIN
  PERFORM x402._act(payment_id, found, 'failed', 'cancelled_by_operator', reason, on_behalf_of);
  DELETE FROM x402.queue q WHERE q.payment_id = cancel.payment_id;
  RETURN 'failed';
END $fn$;
COMMENT ON FUNCTION x402.cancel(uuid, text, text) IS
'Withdraws a pending payment: it becomes failed and no worker sends it; one that holds its lease finds it gone.
VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Errors: P0002 without such a payment (NULL too), X4207 in another
status, 22023 without a reason. Execute: owner and sidecar roles.';

-- Gives a payment up. Should its money arrive after all, the scan finds it and it goes to review.
CREATE FUNCTION x402.write_off(payment_id uuid, reason text, on_behalf_of text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found text := x402._open_for(payment_id, 'written off', '{unknown,submitted,accepted,review}',
    'x402.cancel() withdraws a pending payment; a settling one has a worker.');
BEGIN
  PERFORM x402._act(payment_id, found, 'failed', 'written_off', reason, on_behalf_of);
  DELETE FROM x402.queue q WHERE q.payment_id = write_off.payment_id;
  RETURN 'failed';
END $fn$;
COMMENT ON FUNCTION x402.write_off(uuid, text, text) IS
'Closes an open payment as failed by an operator''s decision. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER.
Errors: P0002 without such a payment (NULL too), X4207 in another status, 22023 without a reason. Execute: owner
and sidecar roles.';

-- Takes the evidence of a payment in review for good.
CREATE FUNCTION x402.accept(payment_id uuid, reason text, on_behalf_of text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found text := x402._open_for(payment_id, 'accepted', '{review}', 'Only a payment in review waits for a person.');
BEGIN
  IF (SELECT p.tx_hash IS NULL FROM @extschema@.x402_payments p WHERE p.id = payment_id) THEN
    RAISE EXCEPTION 'the payment names no transaction' USING ERRCODE = 'X4207', HINT = 'x402.retry() looks for one.';
  END IF;
  PERFORM x402._act(payment_id, found, 'settled', 'accepted_by_operator', reason, on_behalf_of);
  RETURN 'settled';
END $fn$;
COMMENT ON FUNCTION x402.accept(uuid, text, text) IS
'Settles a payment in review by an operator''s decision; it must name a transaction. VOLATILE, PARALLEL UNSAFE,
SECURITY DEFINER. Errors: P0002 without such a payment (NULL too), X4207 in another status or without a
transaction, 22023 without a reason. Execute: owner and sidecar roles.';

-- Sums per token, never across tokens: their units differ.
CREATE FUNCTION x402.stats() RETURNS TABLE (status text, network text, asset text, mock boolean, payments bigint,
  value numeric, oldest timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN QUERY
  SELECT p.status, p.network, p.asset, p.mock, count(*), sum(p.value), min(p.created_at)
  FROM @extschema@.x402_payments p GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
END $fn$;
COMMENT ON FUNCTION x402.stats() IS
'Number, sum in smallest units and oldest of the payments in each status, per token. STABLE, PARALLEL
UNSAFE, SECURITY DEFINER. No errors. Execute: owner and sidecar roles.';
