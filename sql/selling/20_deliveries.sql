-- One payment buys one delivery. Whoever wants to get the answer for a payment claims the delivery here
-- first; the others are told to wait, or are given the answer that was kept.

CREATE TABLE x402.deliveries (
  payment_id uuid PRIMARY KEY,
  payer text NOT NULL,
  -- open: nobody is at it. claimed: somebody gets the answer, or will once it is paid, until claimed_until. answered: it is
  -- there.
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'claimed', 'answered')),
  token bigint,
  claimed_by text,
  claimed_until timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  interrupted integer NOT NULL DEFAULT 0,
  unsettled boolean NOT NULL DEFAULT true,
  answer_status integer CHECK (answer_status BETWEEN 100 AND 599),
  answer_headers jsonb,
  answer_body bytea,
  kept_until timestamptz,
  delivered_at timestamptz,
  CHECK ((state = 'claimed') = (claimed_until IS NOT NULL)),
  CHECK ((answer_body IS NULL) = (kept_until IS NULL))
) WITH (fillfactor = 70);
-- Answers are often compressed already, and the sidecar should not wait for a second try.
ALTER TABLE x402.deliveries ALTER COLUMN answer_body SET STORAGE EXTERNAL;
CREATE INDEX deliveries_unsettled_by_payer ON x402.deliveries (payer) WHERE unsettled;
CREATE INDEX deliveries_kept ON x402.deliveries (kept_until) WHERE kept_until IS NOT NULL;
COMMENT ON TABLE x402.deliveries IS 'What was delivered for a payment: who is at it, and the answer while it is kept';
COMMENT ON COLUMN x402.deliveries.interrupted IS 'Deliveries of an answer too large to keep that the buyer broke off';
COMMENT ON COLUMN x402.deliveries.unsettled IS 'Counts against the payer''s limit; cleared when it is delivered, or when the limit is reached and somebody looks';
SELECT pg_catalog.pg_extension_config_dump('x402.deliveries', '');

-- Where a payment stands, as a seller sees it.
CREATE TYPE x402.sale AS (id uuid, status text, tx_hash text, payer text, network text, error_reason text,
  mock boolean, delivery text, delivered_at timestamptz);

CREATE FUNCTION x402._sale(payment_id uuid) RETURNS x402.sale
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
DECLARE
  found x402.sale;
BEGIN
  SELECT p.id, p.status, p.tx_hash, p.payer_address, p.network, p.error_reason, p.mock, d.state, p.delivered_at
  INTO found
  FROM @extschema@.x402_payments p LEFT JOIN x402.deliveries d ON d.payment_id = p.id
  WHERE p.id = _sale.payment_id;
  RETURN found;
END $fn$;
COMMENT ON FUNCTION x402._sale(uuid) IS
'A payment and its delivery in one row. VOLATILE, so that it sees what its own statement wrote; PARALLEL
UNSAFE. NULL or an unknown id: NULLs. Execute: owner.';

CREATE FUNCTION x402.sale(payment_id uuid) RETURNS x402.sale
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN x402._sale(payment_id);
COMMENT ON FUNCTION x402.sale(uuid) IS
'A payment and its delivery in one row: status, transaction, payer, and whether somebody is delivering. VOLATILE,
PARALLEL UNSAFE, SECURITY DEFINER. NULL or an unknown id: NULLs. Execute: owner and sidecar roles.';
