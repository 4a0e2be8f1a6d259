-- The public ledger. It starts as the table of InsForge's guide, so that its dashboards and SDK calls
-- work unchanged, and is then completed; an existing table made from the guide is completed by the
-- same functions when the operator adopts it (31_adopt.sql).

-- The columns that a ledger has beyond those of the guide.
CREATE FUNCTION x402._widen_ledger(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  EXECUTE format($ddl$
    ALTER TABLE %s
      ALTER COLUMN tx_hash DROP NOT NULL,
      ALTER COLUMN created_at SET NOT NULL,
      ALTER COLUMN status SET NOT NULL,
      ADD COLUMN network text,
      ADD COLUMN asset text,
      ADD COLUMN pay_to text,
      ADD COLUMN nonce text,
      ADD COLUMN scheme text,
      ADD COLUMN value numeric(78,0),
      ADD COLUMN log_index integer,
      ADD COLUMN tx_first boolean NOT NULL DEFAULT false,
      ADD COLUMN block_number bigint,
      ADD COLUMN block_hash text,
      ADD COLUMN finality text NOT NULL DEFAULT 'none',
      ADD COLUMN settled_at timestamptz,
      ADD COLUMN delivered_at timestamptz,
      ADD COLUMN error_reason text,
      ADD COLUMN mock boolean NOT NULL DEFAULT false,
      -- Room on each page for what becomes of its payments.
      SET (fillfactor = 80)
  $ddl$, ledger);
END $fn$;

-- What holds for every row, and who may touch it.
CREATE FUNCTION x402._constrain_ledger(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  EXECUTE format($ddl$
    ALTER TABLE %s
      ADD CONSTRAINT x402_payments_status_known CHECK (status IN
        ('pending','settling','submitted','settled','unknown','accepted','failed','expired','review')),
      ADD CONSTRAINT x402_payments_finality_known CHECK (finality IN ('none','latest','safe','finalized')),
      ADD CONSTRAINT x402_payments_value_is_uint256 CHECK (value >= 0 AND value <=
        115792089237316195423570985008687907853269984665640564039457584007913129639935),
      ADD CONSTRAINT x402_payments_settled_has_proof CHECK (status <> 'settled' OR mock OR tx_hash IS NOT NULL),
      -- A row with a nonce is an authorization of ours: its identity must be whole and in one spelling.
      ADD CONSTRAINT x402_payments_identity_is_whole CHECK (nonce IS NULL OR (
        x402._identity_is_whole(network, asset, payer_address, pay_to, nonce)
        AND scheme IS NOT NULL AND value IS NOT NULL AND amount = value::text) IS TRUE)
  $ddl$, ledger);
  -- The chain burns a nonce once per (token, payer): that, and not a signature or a hash, is a payment.
  EXECUTE format('CREATE UNIQUE INDEX x402_payments_identity ON %s (network, asset, payer_address, nonce)
                  WHERE nonce IS NOT NULL', ledger);
  -- One hash proves one payment; except that a batch transaction proves several, each by a log of its own:
  -- then the first of them owns the hash (11_guards.sql), and no row without a log can join. Whoever asks
  -- what a hash proves asks in the words of these two indexes, or reads the whole ledger.
  EXECUTE format('CREATE UNIQUE INDEX x402_payments_tx_hash ON %s (network, tx_hash)
                  WHERE tx_first', ledger);
  EXECUTE format('CREATE UNIQUE INDEX x402_payments_tx_log ON %s (network, tx_hash, log_index)
                  WHERE log_index IS NOT NULL', ledger);
  -- No index names the status: a move that brings no transaction changes none of them.
  EXECUTE format('CREATE INDEX x402_payments_unproven ON %s (network, id)
    WHERE settled_at IS NOT NULL AND finality <> ''finalized'' AND nonce IS NOT NULL AND NOT mock', ledger);
  -- A search for one authorization names no payee, and must not be answered from the list of payees.
  EXECUTE format('CREATE INDEX x402_payments_targets ON %s (network, asset, pay_to)
    WHERE nonce IS NOT NULL AND pay_to IS NOT NULL', ledger);
  EXECUTE format('CREATE INDEX IF NOT EXISTS idx_x402_payments_payer ON %s (payer_address)', ledger);
  EXECUTE format('CREATE INDEX IF NOT EXISTS idx_x402_payments_created ON %s (created_at DESC)', ledger);
  PERFORM x402._protect_ledger(ledger);
  PERFORM x402._guard_ledger(ledger);
END $fn$;

-- Rows of the guide say "xlayer" and a decimal text; ours say CAIP-2 and a number as well. A text that
-- is no integer stays as it is and gets no value. Two rows that differ only in the hash's letter case
-- are the same transaction: the unique index refuses the adoption and names it.
CREATE FUNCTION x402._backfill_ledger(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  EXECUTE format($dml$
    UPDATE %s SET
      network = coalesce(x402.normalize_network(chain), chain, 'eip155:196'),
      tx_hash = lower(tx_hash),
      tx_first = tx_hash IS NOT NULL AND status = 'settled',
      value = CASE WHEN amount ~ '^(0|[1-9][0-9]{0,77})$' THEN amount::numeric END,
      settled_at = CASE WHEN status = 'settled' THEN created_at END
  $dml$, ledger);
END $fn$;

-- Row-level security on, nobody writes but through functions. Default privileges of the installation
-- schema may have granted more: InsForge's make every new table of `public` writable by anon.
CREATE FUNCTION x402._protect_ledger(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  grantee text;
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', ledger);
  -- pg_dump leaves policies on an extension's tables out. These two are made here, always the same, and
  -- look at what it does keep: grants and rows of x402.settings.
  EXECUTE format('CREATE POLICY x402_sidecar_read ON %s FOR SELECT
    USING ((SELECT pg_catalog.has_table_privilege(''x402.queue'', ''SELECT'')))', ledger);
  EXECUTE format('CREATE POLICY x402_exposed_read ON %s FOR SELECT
    USING ((SELECT x402._exposure()) = ''public'' OR (SELECT x402._exposure()) = ''payer''
           AND payer_address = pg_catalog.lower((SELECT insforge.requesting_user_id())))', ledger);
  -- Privileges on columns go with those on the table, and what a grantee has granted on goes with his own.
  FOR grantee IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
    FROM pg_class c, LATERAL (
      SELECT c.relacl AS acl UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid = c.oid) g, aclexplode(g.acl) a
    WHERE c.oid = ledger AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', ledger, grantee);
  END LOOP;
  -- The guide's server code inserts with InsForge's API key, which is this role.
  IF to_regrole('project_admin') IS NOT NULL THEN
    EXECUTE format('GRANT SELECT, INSERT (id, payer_address, endpoint, amount, tx_hash, chain, status,
      response_summary, created_at) ON %s TO project_admin', ledger);
  END IF;
END $fn$;
