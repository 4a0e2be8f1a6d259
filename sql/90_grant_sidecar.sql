-- The least that the sidecar needs: functions to write, tables to read.
CREATE FUNCTION insforge.grant_sidecar(sidecar regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  IF sidecar IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'name the role the sidecar logs in as';
  END IF;
  EXECUTE format('GRANT EXECUTE ON FUNCTION
    x402.submit(jsonb, jsonb, text, text, text, boolean), x402.claim(text, integer, interval, text[]),
    x402.claim_to_settle(text, integer, interval),
    x402.begin_settle(uuid[], bigint[]), x402.finish(jsonb), x402.extend_leases(uuid[], bigint[], interval),
    x402.release(uuid[], bigint[]), x402.next_due(text[]),
    x402.take_tokens(text, integer, double precision, integer), x402.hold_tokens(text, bigint),
    x402.is_recorded(jsonb, jsonb),
    x402.unproven(text, bigint, bigint, uuid, integer), x402.confirm(jsonb), x402.record_transfers(jsonb),
    x402.scan_claim(text, text, interval, bigint), x402.scan_advance(text, bigint, bigint, text, interval),
    x402.scan_targets(text),
    x402.record_settled(text, text, text, text, text, text, integer, text, text, text, text) TO %s', sidecar);
  EXECUTE format('GRANT EXECUTE ON FUNCTION
    x402.explain(uuid), x402.stats(), x402.retry(uuid, text, text), x402.cancel(uuid, text, text),
    x402.write_off(uuid, text, text), x402.accept(uuid, text, text) TO %s', sidecar);
  EXECUTE format('GRANT EXECUTE ON FUNCTION
    x402.sale(uuid), x402.sell(jsonb, jsonb, text, text, text, boolean, boolean, integer), x402.settle_now(uuid),
    x402.sell_many(jsonb, text, interval),
    x402.examine(jsonb, jsonb, text, text, text), x402.claim_delivery(uuid, text, interval, boolean),
    x402.extend_delivery(uuid, bigint, interval), x402.mark_delivered(uuid), x402.purge_answers(integer),
    x402.answer_delivery(uuid, bigint, integer, jsonb, bytea, interval, boolean),
    x402.answer_deliveries(uuid[], bigint[], integer[], jsonb[], bytea[], interval[], boolean[]),
    x402.abandon_delivery(uuid, bigint, boolean) TO %s', sidecar);
  EXECUTE format('GRANT EXECUTE ON FUNCTION
    insforge.record_membership(text, text, text, text, text[], bigint, timestamptz, boolean),
    insforge.store_keys(text, jsonb, jsonb, interval), insforge.keep_providers(text[]),
    insforge.revoke(text, text, timestamptz, text, text), insforge.record_exchanges(jsonb, interval),
    insforge.record_exchange(text, text, text, text, text, text, text[], bigint, interval) TO %s', sidecar);
  EXECUTE format('GRANT SELECT ON x402.authorizations, x402.queue, x402.events, x402.vouched_assets,
    x402.scan_cursors, insforge.providers, insforge.revocations, insforge.memberships TO %s', sidecar);
  EXECUTE format('GRANT SELECT ON @extschema@.x402_payments TO %s', sidecar);
END $fn$;
COMMENT ON FUNCTION insforge.grant_sidecar(regrole) IS
'Gives a role what the sidecar needs and no more: its functions, and reading the ledger, its private tables
and the tables of providers. Again is a no-op. VOLATILE, PARALLEL UNSAFE, with the caller''s own rights.
Errors: 22004 for NULL, 42501 unless the caller owns the extension''s objects. Execute: owner.';
