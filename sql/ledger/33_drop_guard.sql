-- DROP EXTENSION takes the ledger with it: refused while it has rows, unless told to.
CREATE FUNCTION x402._refuse_drop(what text, name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
DECLARE
  rows_left boolean;
BEGIN
  IF current_setting('x402.allow_ledger_drop', true) = 'on'
     OR what = 'the schema' AND name <> '@extschema@' OR to_regclass('@extschema@.x402_payments') IS NULL
     OR NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e'
                    AND objid = '@extschema@.x402_payments'::regclass) THEN
    RETURN;
  END IF;
  SELECT EXISTS (SELECT FROM @extschema@.x402_payments) INTO rows_left;
  IF rows_left THEN
    RAISE EXCEPTION 'dropping % % would destroy the payment ledger, which has rows', what, name
      USING ERRCODE = 'X4205',
      HINT = 'Dump @extschema@.x402_payments and the tables of schema x402 first; then SET x402.allow_ledger_drop = ''on''.';
  END IF;
END $fn$;

-- The name of what is dropped is only in the parse tree, hence C.
CREATE FUNCTION x402._guard_drop() RETURNS event_trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'x402_guard_drop';

CREATE EVENT TRIGGER x402_guard_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA')
  EXECUTE FUNCTION x402._guard_drop();
