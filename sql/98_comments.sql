-- What the functions in Rust say of themselves, where the catalog shows it.
COMMENT ON FUNCTION insforge.claims() IS
'All claims of request.jwt.claims, or NULL where it holds no JSON object that jsonb can hold. STABLE, PARALLEL
SAFE. No errors. Execute: everybody.';
COMMENT ON FUNCTION insforge.claim(text[]) IS
'The claim at a path of member names and array positions, as text: insforge.claim(''o'', ''id''). NULL where
nothing is there, for a NULL in the path, and for JSON null. STABLE, PARALLEL SAFE. No errors. Execute: everybody.';
COMMENT ON FUNCTION insforge.email() IS
'The claim email where it is a string, else NULL. STABLE, PARALLEL SAFE. No errors. Execute: everybody.';
COMMENT ON FUNCTION insforge.role() IS
'The claim role where it is a string, else NULL. STABLE, PARALLEL SAFE. No errors. Execute: everybody.';
COMMENT ON FUNCTION x402.transitions() IS
'Every allowed move of a payment and the evidence that justifies it. IMMUTABLE, PARALLEL SAFE. No errors.
Execute: everybody.';
COMMENT ON FUNCTION x402.transition_allowed(text, text) IS
'Whether a payment may move from one status to another; false for a word that names no status. IMMUTABLE,
PARALLEL SAFE, STRICT. No errors. Execute: everybody.';
COMMENT ON FUNCTION x402.normalize_network(text) IS
'The CAIP-2 id of a network under any of the names in use: xlayer is eip155:196. NULL for one that is unknown.
IMMUTABLE, PARALLEL SAFE, STRICT. No errors. Execute: everybody.';
COMMENT ON FUNCTION x402.chain_name(text) IS
'The short name of a network, as in the ledger''s column chain; what was given where it has none. IMMUTABLE,
PARALLEL SAFE, STRICT. No errors. Execute: everybody.';
COMMENT ON FUNCTION x402.encode_header(jsonb) IS
'The header value that carries a message: padded standard base64 of its JSON (RFC 4648 section 4). IMMUTABLE,
PARALLEL SAFE, STRICT. No errors. Execute: everybody.';
COMMENT ON FUNCTION x402.verify(jsonb, jsonb, timestamptz, jsonb) IS
'Judges a payment offline against the seller''s own requirements, at the time given: verdict valid, invalid or
indeterminate, with reason, message and the SQLSTATE that x402.submit() raises, and what the payment says.
vouched: array of {network, asset, name, version} for tokens whose domain is not built in. Balance, nonce and
contract wallets are the chain''s to know. IMMUTABLE, PARALLEL SAFE. NULL payment, requirements or time: no
rows. No errors. Execute: everybody.';
