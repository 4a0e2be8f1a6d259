-- What a seller asks for, and the pieces of EIP-712 for those who check by hand. All of it computes from
-- its arguments; the wrappers are here because only SQL can raise our SQLSTATEs.

-- Raises what a codec function reported, if it reported anything.
CREATE FUNCTION x402._raise(errcode text, error text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  IF errcode IS NOT NULL THEN
    RAISE EXCEPTION '%', error USING ERRCODE = errcode;
  END IF;
END $fn$;
COMMENT ON FUNCTION x402._raise(text, text) IS
'Raises the error it is given; nothing for NULL. IMMUTABLE, PARALLEL SAFE. Execute: everybody.';

CREATE FUNCTION x402.requirements(pay_to text, price numeric DEFAULT NULL, asset text DEFAULT 'USDG',
  network text DEFAULT 'eip155:196', amount numeric DEFAULT NULL, resource text DEFAULT NULL,
  description text DEFAULT NULL, mime_type text DEFAULT NULL, max_timeout_seconds integer DEFAULT 300,
  dialect text DEFAULT 'v2', vouched jsonb DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  made record;
BEGIN
  IF pay_to IS NULL OR asset IS NULL OR network IS NULL OR max_timeout_seconds IS NULL OR dialect IS NULL THEN
    RAISE null_value_not_allowed USING
      MESSAGE = 'pay_to, asset, network, max_timeout_seconds and dialect must not be NULL';
  END IF;
  IF num_nonnulls(price, amount) <> 1 THEN
    RAISE invalid_parameter_value USING MESSAGE = 'give the price in tokens or the amount in smallest units, and not both';
  END IF;
  IF dialect NOT IN ('v1', 'v2', 'hybrid', 'all') THEN
    RAISE invalid_parameter_value USING MESSAGE = format('%L is not v1, v2, hybrid or all', dialect);
  END IF;
  SELECT * INTO made FROM x402._requirements(pay_to, price, asset, network, amount, resource, description,
    mime_type, max_timeout_seconds, dialect, vouched);
  PERFORM x402._raise(made.errcode, made.error);
  RETURN made.value;
END $fn$;
COMMENT ON FUNCTION x402.requirements(text, numeric, text, text, numeric, text, text, text, integer, text, jsonb) IS
'One entry of accepts: price in tokens (0.01) or amount in smallest units, asset by symbol or contract, network
by any of its names. dialect: v2, v1, hybrid (v1 members, CAIP-2: InsForge''s client) or all (v2 and hybrid in
one). The token''s EIP-712 domain is filled in; a token whose domain nobody read is refused unless vouched, as
[{network, asset, name, version, decimals}], vouches for it. IMMUTABLE, PARALLEL SAFE. NULL where a value is
needed: 22004. Errors: 22023 for both or neither of price and amount, or another dialect; X4003 payee or
timeout, X4007 network, X4009 and X4010 token, X4101 symbol, X4102 to X4105 price, X4106 decimals unknown.
Execute: everybody.';

CREATE FUNCTION x402.payment_required(requirements jsonb, resource text DEFAULT NULL,
  error text DEFAULT 'Payment required', description text DEFAULT NULL, mime_type text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  made record;
BEGIN
  IF requirements IS NULL OR error IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'requirements and error must not be NULL';
  END IF;
  SELECT * INTO made FROM x402._payment_required(requirements, resource, error, description, mime_type);
  PERFORM x402._raise(made.errcode, made.error);
  RETURN made.value;
END $fn$;
COMMENT ON FUNCTION x402.payment_required(jsonb, text, text, text, text) IS
'The message of a 402 from one entry of accepts or a list: version 2 where they have amount, else version 1.
x402.encode_header() makes the value of the header PAYMENT-REQUIRED from it. IMMUTABLE, PARALLEL SAFE. NULL
requirements or error: 22004. Errors: X4003 for an entry that nobody could pay, mixed versions, an empty list,
or version 2 without a resource; X4007 for its network. Execute: everybody.';

CREATE FUNCTION x402.token_domain(asset text, network text DEFAULT 'eip155:196', vouched jsonb DEFAULT NULL)
RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found record;
BEGIN
  IF asset IS NULL OR network IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT * INTO found FROM x402._token_domain(asset, network, vouched);
  PERFORM x402._raise(found.errcode, found.error);
  RETURN found.value;
END $fn$;
COMMENT ON FUNCTION x402.token_domain(text, text, jsonb) IS
'The EIP-712 domain under which a token checks signatures: {name, version, chainId, verifyingContract}.
IMMUTABLE, PARALLEL SAFE. NULL asset or network: NULL. Errors: X4007 network, X4009 and X4010 token, X4101
symbol. Execute: everybody.';

CREATE FUNCTION x402.domain_separator(domain jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found record;
BEGIN
  SELECT * INTO found FROM x402._domain_separator(domain);
  PERFORM x402._raise(found.errcode, found.error);
  RETURN found.value;
END $fn$;
COMMENT ON FUNCTION x402.domain_separator(jsonb) IS
'What the contract''s DOMAIN_SEPARATOR() returns if the domain {name, version, chainId, verifyingContract} is
true: 0x and 64 hex digits. IMMUTABLE, PARALLEL SAFE, STRICT. Errors: X4003 for a malformed domain.
Execute: everybody.';

CREATE FUNCTION x402.authorization_digest(authorization_message jsonb, domain jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found record;
BEGIN
  SELECT * INTO found FROM x402._authorization_digest(authorization_message, domain);
  PERFORM x402._raise(found.errcode, found.error);
  RETURN found.value;
END $fn$;
COMMENT ON FUNCTION x402.authorization_digest(jsonb, jsonb) IS
'The digest a payer signs: TransferWithAuthorization (EIP-3009) {from, to, value, validAfter, validBefore, nonce}
under a domain. 0x and 64 hex digits. IMMUTABLE, PARALLEL SAFE, STRICT. Errors: X4002 for a malformed message,
X4003 for a malformed domain. Execute: everybody.';

CREATE FUNCTION x402.recover(digest text, signature text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  found record;
BEGIN
  SELECT * INTO found FROM x402._recover(digest, signature);
  PERFORM x402._raise(found.errcode, found.error);
  RETURN found.value;
END $fn$;
COMMENT ON FUNCTION x402.recover(text, text) IS
'The address, lower case, whose key made a signature (65 bytes, low s) over a digest. That it equals the payer
is for the caller to compare; x402.verify() does it all. IMMUTABLE, PARALLEL SAFE, STRICT. Errors: X4002 for a
malformed digest, X4018 for a signature that tokens refuse or only the chain can check. Execute: everybody.';
