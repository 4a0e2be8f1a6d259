-- Triggers that hold for every writer, the owner included.

-- Before a row enters: one spelling, and the facts that follow from others. Rows of the guide's own
-- code carry no network and no number.
CREATE FUNCTION x402._normalize_payment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  NEW.created_at := coalesce(NEW.created_at, now());
  NEW.status := coalesce(NEW.status, 'settled');
  IF NEW.network IS NULL THEN
    NEW.network := coalesce(x402.normalize_network(NEW.chain), NEW.chain, 'eip155:196');
  END IF;
  NEW.tx_hash := lower(nullif(btrim(NEW.tx_hash), ''));
  IF NEW.value IS NULL AND NEW.amount ~ '^(0|[1-9][0-9]{0,77})$' THEN
    NEW.value := NEW.amount::numeric;
  END IF;
  IF NEW.status = 'settled' AND NEW.settled_at IS NULL THEN
    NEW.settled_at := NEW.created_at;
  END IF;
  -- A restore brings what an adopted ledger had; nobody else can pass a row off as an old one.
  IF NEW.nonce IS NULL AND NEW.status <> 'settled' AND (NEW.created_at = now() OR NOT pg_has_role(
       x402._actor(), (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')) THEN
    RAISE check_violation USING
      MESSAGE = 'a payment without a signed authorization can only be recorded as settled',
      HINT = 'Submit signed payments with x402.submit(): a worker would never find this row.';
  END IF;
  NEW.tx_first := NEW.tx_hash IS NOT NULL
    AND x402._owns_transaction(NEW.id, NEW.network, NEW.tx_hash, NEW.log_index, NEW.status);
  RETURN NEW;
END $fn$;

-- A hash proves either one payment, or several that each name their log. The first row of a hash owns
-- it (a unique index), a settled row without a log always wants to own it, and a row with a log joins only
-- rows with logs. A hash that a facilitator named and nobody has proven holds nothing: it may be a lie, and
-- would keep the payment whose hash it is from being settled. Returns whether the row owns its hash.
CREATE FUNCTION x402._owns_transaction(payment_id uuid, in_network text, in_tx_hash text, in_log_index integer,
  in_status text)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  logless boolean;
BEGIN
  IF in_tx_hash IS NULL OR in_log_index IS NULL AND in_status <> 'settled' THEN
    RETURN false;
  END IF;
  -- Each half is one step in a unique index; together they are the rows that hold the hash.
  SELECT bool_or(h.log_index IS NULL) INTO logless FROM (
    SELECT p.id, p.log_index FROM @extschema@.x402_payments p
    WHERE p.network = in_network AND p.tx_hash = in_tx_hash AND p.tx_first
    UNION ALL
    SELECT p.id, p.log_index FROM @extschema@.x402_payments p
    WHERE p.network = in_network AND p.tx_hash = in_tx_hash AND p.log_index IS NOT NULL) h
  WHERE h.id <> payment_id;
  IF logless OR (logless IS NOT NULL AND in_log_index IS NULL) THEN
    RAISE unique_violation USING
      MESSAGE = format('transaction %s on %s already proves another payment', in_tx_hash, in_network),
      HINT = 'A batch transaction proves several payments only where each row names its log_index.';
  END IF;
  RETURN logless IS NULL;
END $fn$;

-- Before a row changes: only listed moves, and what was signed or proven stays.
CREATE FUNCTION x402._guard_payment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  IF NEW.status <> OLD.status AND NOT x402.transition_allowed(OLD.status, NEW.status) THEN
    RAISE EXCEPTION 'a payment cannot move from % to %', OLD.status, NEW.status
      USING ERRCODE = 'X4201', HINT = 'SELECT * FROM x402.transitions() lists the allowed moves.';
  END IF;
  IF (NEW.id, NEW.payer_address, NEW.amount, NEW.network, NEW.asset, NEW.pay_to, NEW.nonce, NEW.scheme,
      NEW.value, NEW.created_at, NEW.endpoint) IS DISTINCT FROM
     (OLD.id, OLD.payer_address, OLD.amount, OLD.network, OLD.asset, OLD.pay_to, OLD.nonce, OLD.scheme,
      OLD.value, OLD.created_at, OLD.endpoint) THEN
    RAISE EXCEPTION 'what was paid, by whom and for what does not change' USING ERRCODE = 'X4202';
  END IF;
  IF OLD.status IN ('settled','failed','expired') AND NEW.status = OLD.status
     AND (NEW.error_reason, NEW.mock, NEW.settled_at) IS DISTINCT FROM (OLD.error_reason, OLD.mock, OLD.settled_at) THEN
    RAISE EXCEPTION 'payment % is %: its outcome does not change', OLD.id, OLD.status USING ERRCODE = 'X4202';
  END IF;
  IF OLD.status IN ('settled','failed','expired') AND NEW.status = OLD.status
     AND NEW.tx_hash IS DISTINCT FROM OLD.tx_hash THEN
    RAISE EXCEPTION 'payment % is %: its transaction does not change', OLD.id, OLD.status USING ERRCODE = 'X4202';
  END IF;
  IF (NEW.tx_hash, NEW.log_index, NEW.status = 'settled') IS DISTINCT FROM
     (OLD.tx_hash, OLD.log_index, OLD.status = 'settled') THEN
    NEW.tx_first := x402._owns_transaction(NEW.id, NEW.network, NEW.tx_hash, NEW.log_index, NEW.status);
  END IF;
  RETURN NEW;
END $fn$;

CREATE FUNCTION x402._refuse_removal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RAISE EXCEPTION '%.% is a ledger: rows are never removed', TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'X4203', HINT = 'Close an open payment with x402.write_off(id, reason).';
END $fn$;

CREATE FUNCTION x402._refuse_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RAISE EXCEPTION 'x402.events is append-only' USING ERRCODE = 'X4203';
END $fn$;

CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE ON x402.events
  FOR EACH ROW EXECUTE FUNCTION x402._refuse_change();
CREATE TRIGGER events_are_not_truncated BEFORE TRUNCATE ON x402.events
  FOR EACH STATEMENT EXECUTE FUNCTION x402._refuse_change();

-- Called when the ledger is created and when one is adopted. Each payment is sold, settled and delivered by three writes:
-- a guard that would change and refuse nothing is not called, and arrivals are recorded by the statement.
CREATE FUNCTION x402._guard_ledger(ledger regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  -- What x402._guard_payment() looks at: all but what is learnt later of a payment that is settled.
  guarded constant text := 'id, payer_address, amount, network, asset, pay_to, nonce, scheme, value, created_at, endpoint,
    status, error_reason, mock, settled_at, tx_hash, log_index';
BEGIN
  EXECUTE format('CREATE TRIGGER x402_10_normalize BEFORE INSERT ON %s
    FOR EACH ROW WHEN (NEW.status IS DISTINCT FROM ''pending'' AND NEW.status IS DISTINCT FROM ''settling''
      OR NOT ((NEW.created_at, NEW.network, NEW.value, NEW.nonce) IS NOT NULL) OR NEW.tx_hash IS NOT NULL OR NEW.tx_first IS NOT FALSE)
    EXECUTE FUNCTION x402._normalize_payment()', ledger);
  EXECUTE format('CREATE TRIGGER x402_20_guard BEFORE UPDATE ON %s
    FOR EACH ROW WHEN ((%s) IS DISTINCT FROM (%s)) EXECUTE FUNCTION x402._guard_payment()', ledger,
    regexp_replace(guarded, '(\w+)', 'NEW.\1', 'g'), regexp_replace(guarded, '(\w+)', 'OLD.\1', 'g'));
  EXECUTE format('CREATE TRIGGER x402_30_keep BEFORE DELETE ON %s
    FOR EACH ROW EXECUTE FUNCTION x402._refuse_removal()', ledger);
  EXECUTE format('CREATE TRIGGER x402_31_keep BEFORE TRUNCATE ON %s
    FOR EACH STATEMENT EXECUTE FUNCTION x402._refuse_removal()', ledger);
  EXECUTE format('CREATE TRIGGER x402_40_record AFTER INSERT ON %s REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION x402._record_arrivals()', ledger);
  EXECUTE format('CREATE TRIGGER x402_50_announce AFTER UPDATE OF status ON %s
    FOR EACH ROW WHEN (NEW.status IS DISTINCT FROM OLD.status) EXECUTE FUNCTION x402._announce_move()', ledger);
END $fn$;
