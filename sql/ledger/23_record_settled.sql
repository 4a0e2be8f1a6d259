-- For an app that settled by itself.

CREATE FUNCTION x402.record_settled(payer text, endpoint text, amount text, tx_hash text,
  network text DEFAULT 'eip155:196', response_summary text DEFAULT NULL, log_index integer DEFAULT NULL,
  asset text DEFAULT NULL, pay_to text DEFAULT NULL, nonce text DEFAULT NULL, scheme text DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
#variable_conflict use_variable
DECLARE
  caip2 text := x402.normalize_network(network);
  hash text := lower(btrim(tx_hash));
  new_id uuid;
BEGIN
  IF payer IS NULL OR endpoint IS NULL OR amount IS NULL OR tx_hash IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'payer, endpoint, amount and tx_hash must not be NULL';
  END IF;
  IF caip2 IS NULL THEN
    RAISE invalid_parameter_value USING MESSAGE = format('unknown network %L', network),
      HINT = 'Write it as CAIP-2, such as eip155:196.';
  END IF;
  IF hash !~ '^0x[0-9a-f]{64}$' OR amount !~ '^(0|[1-9][0-9]{0,77})$' OR payer !~* '^0x[0-9a-f]{40}$' THEN
    RAISE invalid_parameter_value USING
      MESSAGE = 'a transaction is 0x and 64 hex digits, a payer 0x and 40, an amount a whole number of smallest units';
  END IF;
  new_id := x402._find_settled(caip2, hash, log_index, lower(asset), lower(payer), lower(nonce));
  IF new_id IS NULL THEN
    BEGIN
      INSERT INTO @extschema@.x402_payments (payer_address, endpoint, amount, tx_hash, chain, status,
        response_summary, network, asset, pay_to, nonce, scheme, log_index)
      VALUES (lower(payer), endpoint, amount, hash, x402.chain_name(caip2), 'settled', response_summary,
        caip2, lower(asset), lower(pay_to), lower(nonce), scheme, log_index)
      RETURNING id INTO new_id;
    EXCEPTION WHEN unique_violation THEN
      new_id := x402._find_settled(caip2, hash, log_index, lower(asset), lower(payer), lower(nonce));
      IF new_id IS NULL THEN
        RAISE;
      END IF;
    END;
  END IF;
  RETURN new_id;
END $fn$;
COMMENT ON FUNCTION x402.record_settled(text, text, text, text, text, text, integer, text, text, text, text) IS
'Records a payment that the caller settled, and returns its id; a transaction, or an authorization, that
is already there returns the row that has it. amount in smallest units. VOLATILE, PARALLEL UNSAFE,
SECURITY DEFINER. NULL payer, endpoint, amount or tx_hash: 22004. Errors: 22023 for a malformed value,
23505 where a hash without log index is already proven with one. Execute: owner and sidecar roles.';

-- The row that this transaction proves (this log of it, where one is named), else the one of this authorization.
CREATE FUNCTION x402._find_settled(in_network text, hash text, in_log_index integer, in_asset text,
  in_payer text, in_nonce text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN coalesce(
    (SELECT p.id FROM @extschema@.x402_payments p
     WHERE p.network = in_network AND p.tx_hash = hash AND p.log_index IS NOT NULL
       AND (in_log_index IS NULL OR p.log_index = in_log_index)
     ORDER BY p.log_index LIMIT 1),
    (SELECT p.id FROM @extschema@.x402_payments p
     WHERE p.network = in_network AND p.tx_hash = hash AND p.tx_first AND p.log_index IS NULL),
    (SELECT p.id FROM @extschema@.x402_payments p
     WHERE p.network = in_network AND p.asset = in_asset AND p.payer_address = in_payer AND p.nonce = in_nonce));
END $fn$;
