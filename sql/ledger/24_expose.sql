-- Who may read the ledger through a data API. Nobody, until the operator says so: payer, endpoint and
-- amount are personal data.
CREATE FUNCTION x402.expose_ledger(readers text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  ledger constant regclass := '@extschema@.x402_payments';
  runtime text := (SELECT string_agg(quote_ident(rolname), ', ' ORDER BY rolname) FROM pg_roles
                   WHERE rolname IN ('anon', 'authenticated'));
BEGIN
  IF readers IS NULL OR readers NOT IN ('public', 'payer', 'none') THEN
    RAISE invalid_parameter_value USING MESSAGE = format('%L is not public, payer or none', readers);
  END IF;
  IF runtime IS NOT NULL THEN
    EXECUTE format('REVOKE SELECT ON %s FROM %s', ledger, runtime);
  ELSIF readers <> 'none' THEN
    RAISE undefined_object USING MESSAGE = 'there is no role anon or authenticated to expose the ledger to';
  END IF;
  IF readers = 'public' THEN
    EXECUTE format('GRANT SELECT ON %s TO %s', ledger, runtime);
  ELSIF readers = 'payer' THEN
    EXECUTE format('GRANT SELECT ON %s TO authenticated', ledger);
  END IF;
  INSERT INTO x402.settings VALUES ('exposure', readers)
  ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value;
END $fn$;
COMMENT ON FUNCTION x402.expose_ledger(text) IS
'Lets anon and authenticated read x402_payments: "public" all rows, "payer" their own (their user id is
the wallet address, as a provider''s token must carry it), "none" nothing, which is the default. VOLATILE, PARALLEL UNSAFE, with the caller''s
own rights on the table. Errors: 22023 for another word or NULL, 42704 without those roles. Execute: owner.';
