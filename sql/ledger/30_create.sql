-- The ledger itself, now that its triggers' functions are there. A table that a database already has
-- from the guide is kept as it is, and becomes a member so that a dump restores: pg_dump would
-- otherwise create it a second time. x402.adopt_ledger() completes it; DROP EXTENSION lets it go.
DO $do$
BEGIN
  IF to_regclass('@extschema@.x402_payments') IS NOT NULL THEN
    IF (SELECT relkind FROM pg_class WHERE oid = '@extschema@.x402_payments'::regclass) <> 'r' THEN
      RAISE wrong_object_type USING MESSAGE = '@extschema@.x402_payments exists and is not a plain table',
        HINT = 'Rename it, then create the extension.';
    END IF;
    ALTER EXTENSION insforge_integrations ADD TABLE @extschema@.x402_payments;
    PERFORM pg_extension_config_dump('@extschema@.x402_payments', '');
    RAISE WARNING '@extschema@.x402_payments exists already and is left as it is'
      USING HINT = 'Run SELECT x402.adopt_ledger(); until then nothing can be submitted.';
    RETURN;
  END IF;
  CREATE TABLE @extschema@.x402_payments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    payer_address text NOT NULL,
    endpoint text NOT NULL,
    amount text NOT NULL,
    tx_hash text,
    chain text DEFAULT 'xlayer',
    status text DEFAULT 'settled',
    response_summary text,
    created_at timestamptz DEFAULT now()
  );
  PERFORM x402._widen_ledger('@extschema@.x402_payments');
  PERFORM x402._constrain_ledger('@extschema@.x402_payments');
  PERFORM pg_extension_config_dump('@extschema@.x402_payments', '');
  COMMENT ON TABLE @extschema@.x402_payments IS
    'x402 payments: one row per authorization. Rows move only through functions of schema x402.';
END $do$;
