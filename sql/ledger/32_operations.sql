-- What an operator asks and does. Every action is an event with the name of who acted.

-- The life of a payment, a sentence for each event.
CREATE FUNCTION x402.explain(payment_id uuid) RETURNS TABLE (at timestamptz, sentence text, evidence jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $fn$
BEGIN
  RETURN QUERY
  SELECT e.at, CASE WHEN e.from_status IS NULL THEN format('%s recorded it as %s', e.actor, e.to_status)
      ELSE format('%s moved it from %s to %s', e.actor, e.from_status, e.to_status) END
    || coalesce(', attempt ' || (e.evidence ->> 'attempt'), '')
    || coalesce(': ' || (e.evidence ->> 'reason'), '')
    || coalesce(', transaction ' || (e.evidence ->> 'tx_hash'), '') || '.', e.evidence
  FROM x402.events e WHERE e.payment_id = explain.payment_id ORDER BY e.id;
END $fn$;
COMMENT ON FUNCTION x402.explain(uuid) IS
'The events of a payment, each as a sentence with its evidence. STABLE, PARALLEL UNSAFE, SECURITY DEFINER.
NULL or an unknown id: no rows. Execute: owner and sidecar roles.';
