-- DROP EXTENSION takes the ledger with it: refused while it has rows, unless told to.

-- Called before an extension or a schema is dropped: whether that must be refused.
CREATE FUNCTION x402._must_not_drop(kind text, name text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  ledger constant regclass := to_regclass('@extschema@.x402_payments');
  has_rows boolean;
BEGIN
  -- Our functions are written in plpgsql: DROP EXTENSION plpgsql CASCADE would take everything along.
  IF kind = 'schema' AND name <> '@extschema@'
     OR kind = 'extension' AND name NOT IN ('insforge_integrations', 'plpgsql') THEN
    RETURN false;
  END IF;
  PERFORM x402._let_go();
  IF ledger IS NULL OR NOT x402._is_complete(ledger) OR current_setting('x402.allow_ledger_drop', true) = 'on' THEN
    RETURN false;
  END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM %s)', ledger) INTO has_rows;
  RETURN has_rows;
END $fn$;

-- What the database had before the extension, and nobody adopted, stays when the extension goes.
CREATE FUNCTION x402._let_go() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  member text;
BEGIN
  FOR member IN
    SELECT 'TABLE ' || d.objid::regclass FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
      AND d.objid = to_regclass('@extschema@.x402_payments') AND NOT x402._is_complete(d.objid)
    UNION ALL
    SELECT 'FUNCTION ' || d.objid::regprocedure FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
    WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND p.probin IS NULL
      AND d.objid = to_regprocedure('@extschema@.requesting_user_id()')
      AND NOT EXISTS (SELECT FROM pg_depend b WHERE b.classid = d.classid AND b.objid = d.objid
        AND b.refclassid = 'pg_proc'::regclass AND b.refobjid = 'insforge.requesting_user_id()'::regprocedure)
  LOOP
    EXECUTE 'ALTER EXTENSION insforge_integrations DROP ' || member;
  END LOOP;
END $fn$;

-- The name of what is dropped is only in the statement's parse tree, hence C. SECURITY DEFINER because it
-- runs whenever anybody drops a schema or an extension, also those who may not look at the ledger.
CREATE FUNCTION x402._guard_drop() RETURNS event_trigger
LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'x402_guard_drop';

CREATE EVENT TRIGGER x402_guard_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA')
  EXECUTE FUNCTION x402._guard_drop();
