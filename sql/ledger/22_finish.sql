-- Recording what became of a payment. The worker says what happened; what it means for a payment is
-- decided here, where its history is known.

CREATE TYPE x402.outcome AS (
  id uuid, lease_token bigint, outcome text, tx_hash text, log_index integer, block_number bigint,
  block_hash text, finality text, reason text, class text, retry_after_ms bigint, evidence jsonb, mock boolean
);

-- Whether another payment is proven by the transaction already, so that it cannot prove this one. Both
-- halves are found in unique indexes.
CREATE FUNCTION x402._is_taken(payment_id uuid, in_network text, hash text, in_log_index integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN hash IS NOT NULL AND (
    EXISTS (SELECT FROM @extschema@.x402_payments p
      WHERE p.network = in_network AND p.tx_hash = hash AND p.tx_first AND p.id <> payment_id
        AND (p.log_index IS NULL OR in_log_index IS NULL))
    OR EXISTS (SELECT FROM @extschema@.x402_payments p
      WHERE p.network = in_network AND p.tx_hash = hash AND p.log_index IS NOT NULL AND p.id <> payment_id
        AND (in_log_index IS NULL OR p.log_index = in_log_index)));
END $fn$;

-- Whether the very transfer that is named as proof proves another payment already, or its whole transaction
-- does: nothing that happens later ends that.
CREATE FUNCTION x402._is_disputed(payment_id uuid, in_network text, hash text, in_log_index integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN in_log_index IS NOT NULL AND x402._is_taken(payment_id, in_network, hash, in_log_index);
END $fn$;

-- Given outcomes joined with the leases that still hold, each with the status it leads to
-- (x402._next_status, protocol/src/ledger/next_status.rs).
CREATE FUNCTION x402._decide(outcomes x402.outcome[])
RETURNS TABLE (given x402.outcome, held x402.queue, to_status text, tx_hash text, reason text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
#variable_conflict use_column
DECLARE
  ids uuid[] := ARRAY(SELECT o.id FROM unnest(outcomes) o);
BEGIN
  RETURN QUERY
  WITH held AS (
    SELECT o AS given, q AS held, p.network,
      CASE WHEN x402._is_tx_hash(lower(o.tx_hash)) THEN lower(o.tx_hash) END AS hash
    FROM unnest(outcomes) AS o
    JOIN x402.queue q ON q.payment_id = o.id AND q.lease_token = o.lease_token AND q.payment_id = ANY (ids)
    JOIN @extschema@.x402_payments p ON p.id = o.id AND p.id = ANY (ids)
    ORDER BY q.payment_id FOR UPDATE OF q
  ), checked AS (
    SELECT given, held, hash,
      row_number() OVER (PARTITION BY network, hash, (given).log_index ORDER BY (held).payment_id) > 1
        AND hash IS NOT NULL
      OR x402._is_taken((held).payment_id, network, hash, (given).log_index) AS taken,
      x402._is_disputed((held).payment_id, network, hash, (given).log_index) AS disputed
    FROM held
  )
  SELECT given, held,
    x402._next_status((held).status, (given).outcome, (given).class, (held).uncertain,
      coalesce((given).mock, false) OR hash IS NOT NULL AND NOT taken, disputed),
    CASE WHEN NOT taken THEN hash END,
    CASE WHEN taken THEN 'tx_hash_of_another_payment' ELSE (given).reason END
  FROM checked;
END $fn$;

-- Planned once, as x402.claim() is, and so is all that it calls and sets off. Rows are found by a list of their keys and
-- joined by hash: a nested loop that is planned on an empty queue compares each outcome with the whole of a long one.
CREATE FUNCTION x402.finish(outcomes jsonb) RETURNS TABLE (id uuid, status text, applied boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS $fn$
#variable_conflict use_column
DECLARE
  reports x402.outcome[] := ARRAY(SELECT o FROM jsonb_populate_recordset(NULL::x402.outcome, outcomes) o);
  ids uuid[] := ARRAY(SELECT o.id FROM unnest(reports) o);
BEGIN
  RETURN QUERY
  WITH decided AS MATERIALIZED (
    SELECT * FROM x402._decide(reports)
  ), unheld AS MATERIALIZED (
    SELECT o.*, (SELECT p.status FROM @extschema@.x402_payments p WHERE p.id = o.id) AS found FROM unnest(reports) o
    WHERE NOT EXISTS (SELECT FROM decided d WHERE (d.held).payment_id = o.id AND (d.held).lease_token = o.lease_token)
  ), moved AS (
    UPDATE @extschema@.x402_payments p SET
      status = d.to_status,
      tx_hash = coalesce(d.tx_hash, p.tx_hash),
      -- A place belongs to its transaction.
      log_index = CASE WHEN d.tx_hash IS NULL THEN p.log_index ELSE (d.given).log_index END,
      block_number = CASE WHEN d.tx_hash IS NULL THEN p.block_number ELSE (d.given).block_number END,
      block_hash = CASE WHEN d.tx_hash IS NULL THEN p.block_hash ELSE (d.given).block_hash END,
      finality = coalesce((d.given).finality, p.finality),
      settled_at = CASE d.to_status WHEN 'settled' THEN coalesce(p.settled_at, now()) ELSE p.settled_at END,
      error_reason = CASE WHEN d.to_status IN ('settled', 'submitted', 'accepted') THEN NULL ELSE d.reason END,
      mock = p.mock OR coalesce((d.given).mock, false)
    FROM decided d WHERE p.id = (d.held).payment_id AND p.id = ANY (ids)
      AND ((d.given).outcome <> 'waiting' OR d.to_status <> (d.held).status)
  ), closed AS (
    DELETE FROM x402.queue q WHERE q.payment_id = ANY (ARRAY(
      SELECT (d.held).payment_id FROM decided d WHERE d.to_status IN ('settled', 'failed', 'expired', 'review')))
  ), waiting AS (
    UPDATE x402.queue q SET status = d.to_status, lease_token = NULL, leased_by = NULL, leased_until = NULL,
      uncertain = q.uncertain OR d.to_status = 'unknown',
      due_at = now() + coalesce((d.given).retry_after_ms, 1000) * interval '1 ms'
    FROM decided d
    WHERE q.payment_id = (d.held).payment_id AND q.payment_id = ANY (ids) AND d.to_status NOT IN ('settled', 'failed', 'expired', 'review')
  ), written AS (
    INSERT INTO x402.events (payment_id, from_status, to_status, actor, evidence)
    SELECT (d.held).payment_id, (d.held).status, d.to_status, (d.held).leased_by,
      coalesce((d.given).evidence, '{}') || jsonb_strip_nulls(jsonb_build_object(
        'outcome', (d.given).outcome, 'reason', d.reason, 'class', (d.given).class,
        'tx_hash', lower((d.given).tx_hash), 'log_index', (d.given).log_index,
        'lease_token', (d.held).lease_token, 'mock', nullif((d.given).mock, false)))
    FROM decided d WHERE d.to_status <> (d.held).status
  ), late AS (
    -- Whoever lost the lease may still know what nobody else does, such as a transaction.
    INSERT INTO x402.events (payment_id, from_status, to_status, evidence)
    SELECT o.id, o.found, o.found, coalesce(o.evidence, '{}') || jsonb_strip_nulls(jsonb_build_object(
      'action', 'outcome after the lease was lost', 'outcome', o.outcome, 'reason', o.reason,
      'tx_hash', lower(o.tx_hash), 'lease_token', o.lease_token))
    FROM unheld o WHERE o.found IS NOT NULL
  )
  SELECT (d.held).payment_id, d.to_status, true FROM decided d
  UNION ALL SELECT o.id, o.found, false FROM unheld o;
  -- A payment that was put back is due before anybody would look again: let them ask when.
  IF outcomes @? '$[*] ? (@.outcome == "not_sent")' THEN
    PERFORM x402._ring(((extract(epoch FROM clock_timestamp()) - 946684800) * 1000000)::bigint);
  END IF;
END $fn$;
COMMENT ON FUNCTION x402.finish(jsonb) IS
'Records outcomes of leased payments, many in one transaction, and returns for each the status it has
now and whether the outcome was applied; it is not where the lease was lost (fencing).
Array of {id, lease_token, outcome: settled|submitted|accepted|refused|not_sent|
unknown|expired|waiting|canceled|lapsed|contradicted, tx_hash?,
log_index?, block_number?, block_hash?, finality?, reason?, class?, retry_after_ms?, evidence?, mock?}.
VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL: no rows. A word that makes no sense for a payment leaves
it open. Errors: 22P02 for malformed values.
Execute: owner and sidecar roles.';
