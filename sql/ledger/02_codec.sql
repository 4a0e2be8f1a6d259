-- Reading a payment header.
CREATE FUNCTION x402.decode_header(value text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  decoded record;
BEGIN
  SELECT * INTO decoded FROM x402._decode_header(value);
  IF decoded.errcode IS NOT NULL THEN
    RAISE EXCEPTION '%', decoded.error USING ERRCODE = decoded.errcode;
  END IF;
  RETURN decoded.message;
END $fn$;
COMMENT ON FUNCTION x402.decode_header(text) IS
'The JSON in an x402 header: standard base64, also base64url and without padding; at most 16 KiB.
IMMUTABLE, PARALLEL SAFE, STRICT. Errors: X4H01 too long, X4H02 empty, X4H03 raw JSON, X4H04 not base64,
X4H05 not UTF-8, X4H06 not JSON. Execute: everybody.';
