-- Entering many payments at once, as a busy seller does: one statement and one commit for all of them. With them go the
-- intents of those that the same process settles, and the claims of those that it delivers. Nobody waits long for one
-- that another transaction is just entering.

-- A payment of x402.sell_many(). deliver: as by x402.sell(), which knows hold and max_unsettled; else as by
-- x402.submit(). begin: whoever enters it calls the facilitator itself. claim_ms: whoever enters it makes the delivery,
-- and claims it for so many milliseconds.
CREATE TYPE x402.entry AS (payment jsonb, requirements jsonb, resource text, method text, body_sha256 text,
  deliver boolean, hold boolean, max_unsettled integer, begin boolean, claim_ms integer);

-- One that may be entered, by the id that it will have. begins: its intent is recorded with it.
CREATE TYPE x402.arrival AS (n bigint, id uuid, entry x402.entry, judged x402.judgement, begins boolean);

-- Those that are valid beyond doubt, each authorization once, in the order in which everybody enters them.
CREATE FUNCTION x402._arrivals(entries jsonb, at timestamptz) RETURNS x402.arrival[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $fn$
DECLARE
  vouched jsonb := (SELECT jsonb_agg(to_jsonb(v)) FROM x402.vouched_assets v);
BEGIN
  RETURN (
    WITH judged AS (
      SELECT given.n, ROW(e.*)::x402.entry AS entry, ROW(v.*)::x402.judgement AS judged
      FROM jsonb_array_elements(entries) WITH ORDINALITY AS given (value, n),
        LATERAL jsonb_populate_record(NULL::x402.entry, given.value) AS e,
        LATERAL x402.verify(e.payment, e.requirements, at, vouched) AS v
      WHERE v.verdict = 'valid' AND e.resource <> ''
    ), once AS (
      SELECT DISTINCT ON ((j.judged).network, (j.judged).asset, (j.judged).payer, (j.judged).nonce) j.*
      FROM judged j
      ORDER BY (j.judged).network, (j.judged).asset, (j.judged).payer, (j.judged).nonce, j.n
    )
    SELECT array_agg(ROW(o.n, gen_random_uuid(), o.entry, o.judged,
      (o.entry).begin IS TRUE AND (o.entry).hold IS NOT TRUE
        -- Too late to start, as x402.claim() has it.
        AND (o.judged).valid_before > floor(extract(epoch FROM at)) + 10)::x402.arrival)
    FROM once o);
END $fn$;
COMMENT ON FUNCTION x402._arrivals(jsonb, timestamptz) IS
'Entries of x402.sell_many() that are valid at that time, each with an id. VOLATILE, PARALLEL UNSAFE. NULL entries:
NULL. Execute: owner.';

-- Payers who would have too many open payments, of those whose payments these are.
CREATE FUNCTION x402._over_limit(arrivals x402.arrival[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN (SELECT array_agg(b.payer) FROM (
    SELECT (a.judged).payer, min((a.entry).max_unsettled) AS most, count(*) AS wanted
    FROM unnest(arrivals) a WHERE (a.entry).deliver AND (a.entry).max_unsettled IS NOT NULL GROUP BY 1) b
  WHERE b.wanted + (SELECT count(*) FROM x402.deliveries d WHERE d.payer = b.payer AND d.unsettled) > b.most);
END $fn$;
COMMENT ON FUNCTION x402._over_limit(x402.arrival[]) IS
'Payers who would have too many open payments with these. STABLE, PARALLEL UNSAFE. NULL: NULL. Execute: owner.';

-- Leaves out what is theirs: x402.sell() tells them. A payer's lock comes before the rows, as it does there.
CREATE FUNCTION x402._within_limits(arrivals x402.arrival[]) RETURNS x402.arrival[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $fn$
DECLARE
  over text[];
BEGIN
  PERFORM x402._lock_payer(b.payer) FROM (
    SELECT DISTINCT (a.judged).payer FROM unnest(arrivals) a
    WHERE (a.entry).deliver AND (a.entry).max_unsettled IS NOT NULL ORDER BY 1) b;
  over := x402._over_limit(arrivals);
  IF over IS NOT NULL THEN
    PERFORM x402._note_settled(over);
    over := x402._over_limit(arrivals);
    arrivals := (SELECT array_agg(a) FROM unnest(arrivals) a WHERE (a.judged).payer = ANY (over) IS NOT TRUE);
  END IF;
  RETURN arrivals;
END $fn$;
COMMENT ON FUNCTION x402._within_limits(x402.arrival[]) IS
'The arrivals of payers who may have so many open payments; locks their payers. VOLATILE, PARALLEL UNSAFE. NULL: NULL.
Execute: owner.';

CREATE FUNCTION x402.sell_many(entries jsonb, worker text, lease interval)
RETURNS TABLE (n bigint, id uuid, payer text, network text, lease_token bigint, entered_unix bigint,
  delivery_token bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off SET lock_timeout = '250ms' AS $fn$
#variable_conflict use_column
DECLARE
  started timestamptz := clock_timestamp();
  arrivals x402.arrival[];
  entered uuid[];
BEGIN
  IF worker IS NULL OR lease IS NULL OR lease <= interval '0' THEN
    RAISE invalid_parameter_value USING MESSAGE = 'worker and a positive lease are needed';
  END IF;
  arrivals := x402._within_limits(x402._arrivals(entries, started));
  WITH recorded AS (
    INSERT INTO @extschema@.x402_payments AS p (id, payer_address, endpoint, amount, chain, status, network, asset,
      pay_to, nonce, scheme, value)
    SELECT a.id, j.payer, (a.entry).resource, j.value::text, x402.chain_name(j.network),
      CASE WHEN a.begins THEN 'settling' ELSE 'pending' END, j.network, j.asset, j.pay_to, j.nonce, j.scheme, j.value
    FROM unnest(arrivals) a, LATERAL (SELECT (a.judged).*) j
    ON CONFLICT (network, asset, payer_address, nonce) WHERE nonce IS NOT NULL DO NOTHING
    RETURNING p.id
  ) SELECT array_agg(r.id) INTO entered FROM recorded r;
  RETURN QUERY
  WITH fresh AS MATERIALIZED (
    SELECT a.*, CASE WHEN a.begins THEN nextval('x402.lease_tokens') END AS lease_token,
      CASE WHEN (a.entry).deliver AND (a.entry).claim_ms > 0 THEN nextval('x402.lease_tokens') END AS delivery_token
    FROM unnest(arrivals) a WHERE a.id = ANY (entered)
  ), signed AS (
    INSERT INTO x402.authorizations (payment_id, payment, requirements, valid_after, valid_before, resource, method, body_sha256)
    SELECT f.id, e.payment, e.requirements, (f.judged).valid_after, (f.judged).valid_before, e.resource, e.method, e.body_sha256
    FROM fresh f, LATERAL (SELECT (f.entry).*) e
  ), queued AS (
    INSERT INTO x402.queue (payment_id, status, valid_before, due_at, lease_token, leased_by, leased_until, attempts)
    SELECT f.id, CASE WHEN f.begins THEN 'settling' ELSE 'pending' END, (f.judged).valid_before,
      CASE WHEN (f.entry).deliver AND (f.entry).hold THEN x402._held_until((f.judged).valid_before) ELSE now() END,
      f.lease_token, CASE WHEN f.begins THEN worker END, CASE WHEN f.begins THEN started + lease END, f.begins::integer
    FROM fresh f
  ), deliverable AS (
    INSERT INTO x402.deliveries (payment_id, payer, state, token, claimed_by, claimed_until, attempts)
    SELECT f.id, (f.judged).payer, CASE WHEN f.delivery_token IS NULL THEN 'open' ELSE 'claimed' END, f.delivery_token,
      CASE WHEN f.delivery_token IS NOT NULL THEN worker END,
      CASE WHEN f.delivery_token IS NOT NULL THEN started + (f.entry).claim_ms * interval '1 ms' END,
      (f.delivery_token IS NOT NULL)::integer
    FROM fresh f WHERE (f.entry).deliver
  ), begun AS (
    INSERT INTO x402.events (payment_id, from_status, to_status, actor, evidence)
    SELECT f.id, 'pending', 'settling', worker, jsonb_build_object('attempt', 1, 'lease_token', f.lease_token)
    FROM fresh f WHERE f.begins
  )
  SELECT f.n, f.id, (f.judged).payer, (f.judged).network, f.lease_token, floor(extract(epoch FROM started))::bigint,
    f.delivery_token
  FROM fresh f;
END $fn$;
COMMENT ON FUNCTION x402.sell_many(jsonb, text, interval) IS
'Enters many payments at once: an array of {payment, requirements, resource, method?, body_sha256?, deliver?, hold?,
max_unsettled?, begin?, claim_ms?}. deliver: as x402.sell() does it, else as x402.submit() does. begin: the worker calls
the facilitator as soon as this is committed; the intent is recorded as x402.begin_settle() does, under a lease with the
lease_token returned. claim_ms: the worker delivers; the delivery is claimed for so many milliseconds under the
delivery_token returned, though the payment is not settled yet; NULL, 0 or less: it stays open. Returns those that were
entered, by their place n from 1. What is missing is in the ledger already, is not valid beyond doubt, names no
resource, or has a payer with too many open payments: ask x402.sell() or x402.submit() about it, which say what it is.
VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. NULL entries: no rows. Errors, for the whole call: 22023 without worker or
a positive lease, or for entries that are no array of objects, 22P02 for a malformed member, 23514 for a body_sha256 that is none, 40001 in REPEATABLE READ and above, 55P03 where
another transaction is entering one of them for a quarter of a second. Execute: owner and sidecar roles.';
