-- Looking at a payment without entering it: what a facilitator's /verify answers.

CREATE FUNCTION x402.examine(payment jsonb, requirements jsonb, resource text DEFAULT NULL,
  method text DEFAULT NULL, body_sha256 text DEFAULT NULL)
RETURNS TABLE (verdict text, reason text, message text, payer text, network text, id uuid, status text,
  delivered_for_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $fn$
#variable_conflict use_column
DECLARE
  bound_to text := coalesce(nullif(resource, ''), requirements ->> 'resource');
  judged x402.judgement;
  found x402.recorded;
BEGIN
  IF payment IS NULL OR requirements IS NULL THEN
    RETURN;
  END IF;
  judged := x402._judge_submission(payment, requirements, clock_timestamp(), true);
  found := x402._find_payment(judged);
  IF found.id IS NOT NULL THEN
    BEGIN
      PERFORM x402._resubmit(found, payment, requirements, judged, true, bound_to, method, body_sha256);
      -- Not valid by itself, or not any more: then by being the very payload that was recorded.
      judged.verdict := CASE WHEN judged.verdict <> 'valid' AND NOT x402.is_recorded(payment, requirements)
                             THEN 'indeterminate' ELSE 'valid' END;
      judged.reason := NULL;
      judged.message := NULL;
    EXCEPTION WHEN OTHERS THEN
      IF SQLSTATE NOT LIKE 'X4%' THEN
        RAISE;
      END IF;
      judged.verdict := 'invalid';
      judged.reason := split_part(SQLERRM, ': ', 1);
      judged.message := substr(SQLERRM, strpos(SQLERRM, ': ') + 2);
    END;
  END IF;
  RETURN QUERY
  SELECT judged.verdict, judged.reason, judged.message, judged.payer, judged.network, p.id, p.status,
    (extract(epoch FROM clock_timestamp() - p.delivered_at) * 1000)::bigint
  FROM (SELECT) one LEFT JOIN @extschema@.x402_payments p ON p.id = found.id;
END $fn$;
COMMENT ON FUNCTION x402.examine(jsonb, jsonb, text, text, text) IS
'Judges a payment at the database''s time without recording it. One that is recorded already is valid as long as
it is the same one for the same resource, and comes with its id, status and the time since it was delivered (x402.mark_delivered).
VOLATILE (it must see what was just recorded), PARALLEL UNSAFE, SECURITY DEFINER. NULL payment or requirements:
no row. Errors: none of class X4, they are the verdict. Execute: owner and sidecar roles.';
