-- Making an existing table of the guide the ledger, with its rows and in its place: ids, foreign keys
-- and dashboards keep working.
CREATE FUNCTION x402.adopt_ledger() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  ledger constant regclass := to_regclass('@extschema@.x402_payments');
  was_public boolean;
  adopted bigint;
BEGIN
  PERFORM x402._check_adoptable(ledger);
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', ledger);
  PERFORM x402._refuse_foreign_code(ledger);
  was_public := EXISTS (SELECT FROM pg_policy WHERE polrelid = ledger AND polname = 'public_read');
  PERFORM x402._strip_guide(ledger);
  PERFORM x402._widen_ledger(ledger);
  PERFORM x402._backfill_ledger(ledger);
  PERFORM x402._constrain_ledger(ledger);
  IF was_public THEN
    PERFORM x402.expose_ledger('public');
    RAISE WARNING 'the ledger was readable by everybody and still is'
      USING HINT = 'SELECT x402.expose_ledger(''none'') or (''payer'') ends that.';
  END IF;
  PERFORM x402._tell_leftovers(ledger);
  EXECUTE format('SELECT count(*) FROM %s', ledger) INTO adopted;
  RETURN adopted;
END $fn$;
COMMENT ON FUNCTION x402.adopt_ledger() IS
'Makes the x402_payments table of InsForge''s guide the ledger, in place and with its rows, and returns how
many. VOLATILE, PARALLEL UNSAFE. Errors: 42501 unless the caller is a superuser (the table
changes owner), 42P01 without the table, 55000 where it is the ledger already or runs code of
a role that is no superuser, 42703 where it is not the guide''s table, 23505 where two rows have one transaction,
23514 where a row has a status that the ledger does not know. Execute: superusers.';

CREATE FUNCTION x402._check_adoptable(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  missing text;
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RAISE insufficient_privilege USING MESSAGE = 'adopting a ledger takes a superuser',
      HINT = 'The table changes owner, and its rows are completed.';
  END IF;
  IF ledger IS NULL THEN
    RAISE undefined_table USING MESSAGE = 'there is no @extschema@.x402_payments to adopt';
  END IF;
  IF x402._is_complete(ledger) THEN
    RAISE object_not_in_prerequisite_state USING MESSAGE = '@extschema@.x402_payments is the ledger already';
  END IF;
  SELECT string_agg(c.name, ', ') INTO missing
  FROM (VALUES ('id', 'uuid'), ('payer_address', 'text'), ('endpoint', 'text'), ('amount', 'text'),
    ('tx_hash', 'text'), ('chain', 'text'), ('status', 'text'), ('response_summary', 'text'),
    ('created_at', 'timestamptz')) AS c (name, type)
  WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = ledger AND a.attname = c.name
                    AND a.atttypid = c.type::regtype AND NOT a.attisdropped);
  IF missing IS NOT NULL THEN
    RAISE undefined_column USING MESSAGE = 'this is not the table of the guide: ' || missing || ' missing or of another type',
      HINT = 'Rename it, drop and create the extension, and copy the rows with x402.record_settled().';
  END IF;
END $fn$;

-- Whether a table is the ledger, and not one of the guide that waits to be adopted.
CREATE FUNCTION x402._is_complete(ledger regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ledger AND tgname = 'x402_20_guard'
               AND tgfoid = 'x402._guard_payment'::regproc);

-- The guide's trigger, policy and unique constraint: ours take their place. Triggers of the user are
-- switched off, for they would run with the rights of a superuser from now on.
CREATE FUNCTION x402._strip_guide(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  item text;
BEGIN
  EXECUTE format('ALTER TABLE %s OWNER TO CURRENT_USER', ledger);
  EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', ledger);
  EXECUTE format('DROP TRIGGER IF EXISTS x402_payment_realtime ON %s', ledger);
  EXECUTE format('DROP POLICY IF EXISTS public_read ON %s', ledger);
  FOR item IN
    SELECT c.conname FROM pg_constraint c
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
    WHERE c.conrelid = ledger AND c.contype = 'u' AND a.attname = 'tx_hash'
  LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', ledger, item);
  END LOOP;
END $fn$;

-- What a table computes or rewrites is done with the rights of whoever writes or owns it, from now on a
-- superuser: code of other roles must not be part of it.
CREATE FUNCTION x402._refuse_foreign_code(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  foreign_code text;
BEGIN
  SELECT string_agg(pg_describe_object(f.classid, f.objid, 0), ', ') INTO foreign_code FROM (
    SELECT 'pg_rewrite'::regclass AS classid, r.oid AS objid FROM pg_rewrite r WHERE r.ev_class = ledger
    UNION ALL
    SELECT 'pg_class'::regclass, i.inhrelid FROM pg_inherits i WHERE i.inhparent = ledger
    UNION
    SELECT e.classid, e.objid FROM (
      SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = ledger
      UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = ledger
      UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = ledger) e (classid, objid)
    JOIN pg_depend d ON d.classid = e.classid AND d.objid = e.objid AND d.refclassid = 'pg_proc'::regclass
    JOIN pg_proc p ON p.oid = d.refobjid JOIN pg_roles r ON r.oid = p.proowner AND NOT r.rolsuper) f;
  IF foreign_code IS NOT NULL THEN
    RAISE object_not_in_prerequisite_state USING
      MESSAGE = 'code of others would run with the rights of the ledger''s owner: ' || foreign_code,
      HINT = 'Drop it, then adopt the ledger.';
  END IF;
END $fn$;

-- What an adopted table keeps and a fresh one does not have.
CREATE FUNCTION x402._tell_leftovers(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  names text;
BEGIN
  SELECT string_agg(quote_ident(tgname), ', ') INTO names FROM pg_trigger
  WHERE tgrelid = ledger AND NOT tgisinternal AND tgenabled = 'D';
  IF names IS NOT NULL THEN
    RAISE WARNING 'triggers of your own are switched off: %', names
      USING HINT = 'They would run with the rights of the ledger''s owner. ALTER TABLE ... ENABLE TRIGGER where that is wanted.';
  END IF;
  SELECT string_agg(quote_ident(polname), ', ') INTO names FROM pg_policy
  WHERE polrelid = ledger AND polname NOT IN ('x402_sidecar_read', 'x402_exposed_read');
  IF names IS NOT NULL THEN
    RAISE WARNING 'policies of your own stay and may let in more than x402.expose_ledger() says: %', names
      USING HINT = 'Drop those that are not wanted: DROP POLICY ... ON @extschema@.x402_payments.';
  END IF;
END $fn$;
