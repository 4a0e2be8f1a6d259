-- What the outside hears of the ledger. A restore or a bulk load of old rows announces nothing: the
-- triggers look at rows created by the running transaction only.

-- Publishes to InsForge's realtime channel where it exists. The ledger's owner calls it, so it must be
-- somebody trusted who made it: a schema `realtime` that an ordinary role created is not used.
-- A failing dashboard must not hold up a payment: errors become warnings, and so does a locked table.
CREATE FUNCTION x402._publish(event text, payment jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms' AS $fn$
BEGIN
  PERFORM FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
  WHERE p.oid = to_regprocedure('realtime.publish(text,text,jsonb)') AND r.rolsuper;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  BEGIN
    EXECUTE 'SELECT realtime.publish($1, $2, $3)'
      USING 'x402_payments', event, jsonb_build_object('new', payment);
  EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN
    RAISE WARNING 'realtime.publish failed: % (%)', SQLERRM, SQLSTATE;
  END;
END $fn$;

-- Inlined, as x402._actor() is.
CREATE FUNCTION x402._notify(id uuid, status text, network text, tx_hash text) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
  SELECT pg_notify('x402_payments', json_build_object(
    'id', id, 'status', status, 'network', network, 'tx_hash', tx_hash)::text);
END;

-- New rows, those of one statement together. A pending one rings the doorbell through the queue; one that arrives
-- settled (an app that settled by itself) is news at once. One that arrives settling was pending for as long as its
-- statement took. (A restore's rows are gathered for it too, and found to be none of these.)
CREATE FUNCTION x402._record_arrivals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  INSERT INTO x402.events (payment_id, to_status, evidence)
  SELECT a.id, CASE a.status WHEN 'settling' THEN 'pending' ELSE a.status END,
    jsonb_strip_nulls(jsonb_build_object('tx_hash', a.tx_hash))
  FROM arrived a WHERE a.created_at = now();
  PERFORM x402._notify(a.id, a.status, a.network, a.tx_hash) FROM arrived a
  WHERE a.created_at = now() AND a.status <> 'pending';
  IF to_regnamespace('realtime') IS NOT NULL THEN
    PERFORM x402._publish('INSERT_x402_payments', to_jsonb(a)) FROM arrived a
    WHERE a.created_at = now() AND a.status = 'settled';
  END IF;
  RETURN NULL;
END $fn$;

-- InsForge's dashboards append a row on INSERT_x402_payments: it is published once per payment, when
-- the payment is first settled.
CREATE FUNCTION x402._announce_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  PERFORM x402._notify(NEW.id, NEW.status, NEW.network, NEW.tx_hash);
  IF to_regnamespace('realtime') IS NOT NULL THEN
    PERFORM x402._publish(CASE WHEN NEW.status = 'settled' AND OLD.settled_at IS NULL
      THEN 'INSERT_x402_payments' ELSE 'UPDATE_x402_payments' END, to_jsonb(NEW));
  END IF;
  RETURN NULL;
END $fn$;

-- The doorbell. NOTIFY takes a database-wide lock at commit, so it rings at most once in 20 ms; the
-- time of the last ring is a sequence, which is neither transactional nor locked until commit. It is
-- rung by a deferred trigger, just before the commit that makes the rows visible: a ring long before
-- its commit would silence others who commit earlier.
CREATE SEQUENCE x402.doorbell AS bigint MINVALUE 0 START 0;

-- Rings, unless somebody did within the last 20 ms; returns when it last rang. Times in microseconds
-- since 2000, as Postgres counts. VOLATILE, PARALLEL UNSAFE.
CREATE FUNCTION x402._ring(now_us bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  rung_us bigint;
BEGIN
  SELECT last_value INTO rung_us FROM x402.doorbell;
  -- A bell from the future means that the clock was set back: ring.
  IF now_us - rung_us BETWEEN 0 AND 19999 THEN
    RETURN rung_us;
  END IF;
  PERFORM pg_notify('x402_pending', '');
  RETURN setval('x402.doorbell', now_us);
END $fn$;

-- The trigger's function is in C: it remembers when its backend last heard the bell. SECURITY DEFINER
-- because a deferred trigger runs at commit, with the rights of whoever submitted. No search_path is set,
-- which would cost every row more than the rest: all it calls is named with schema and exact type.
CREATE FUNCTION x402._ring_doorbell() RETURNS trigger LANGUAGE c SECURITY DEFINER
AS 'MODULE_PATHNAME', 'x402_ring_doorbell';

CREATE CONSTRAINT TRIGGER queue_rings_on_insert AFTER INSERT ON x402.queue
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.due_at = pg_catalog.now() AND NEW.lease_token IS NULL) EXECUTE FUNCTION x402._ring_doorbell();
CREATE CONSTRAINT TRIGGER queue_rings_when_due AFTER UPDATE OF due_at ON x402.queue
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.due_at = pg_catalog.now()) EXECUTE FUNCTION x402._ring_doorbell();
