-- Tables that lints know by what they are for.

CREATE FUNCTION insforge.audit_payment_table(schema_name text, table_name text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT schema_name = 'payments' AND table_name IN (
    'stripe_checkout_sessions', 'stripe_customer_portal_sessions', 'razorpay_orders', 'razorpay_subscriptions')
$fn$;
COMMENT ON FUNCTION insforge.audit_payment_table(text, text) IS
'Whether it is one of the payment tables that InsForge lets users write to. NULL for NULL. IMMUTABLE, PARALLEL
SAFE. Execute: whoever may audit.';

-- Better Auth and its like keep sessions, password hashes and signing keys in ordinary tables, told by their
-- columns: names alone (user, account) are anybody's.
CREATE FUNCTION insforge.audit_provider_table(t insforge.audit_table) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT (t).schema_name = 'better_auth' OR EXISTS (
    SELECT FROM (VALUES
      ('^sessions?$', '{token,expires_at,user_id}'::text[]),
      ('^accounts?$', '{account_id,provider_id,user_id}'),
      ('^verifications?$', '{identifier,value,expires_at}'),
      ('^jwks$', '{public_key,private_key}'),
      ('^(two_?factors?|twoFactors?)$', '{secret,user_id}'),
      ('^users?$', '{email,email_verified}')) shape (name, needed)
    WHERE (t).name ~ shape.name AND shape.needed <@ ARRAY(
      SELECT lower(regexp_replace(a.attname, '([a-z])([A-Z])', '\1_\2', 'g')) FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = (t).id AND a.attnum > 0 AND NOT a.attisdropped)
    -- A table of users is the provider's only next to one of sessions.
    AND (shape.needed <> '{email,email_verified}' OR EXISTS (
      SELECT FROM pg_catalog.pg_class s JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
      WHERE n.nspname = (t).schema_name AND s.relname ~ '^sessions?$' AND EXISTS (
        SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = s.oid AND a.attname = 'token'))))
$fn$;
COMMENT ON FUNCTION insforge.audit_provider_table(insforge.audit_table) IS
'Whether a sign-in provider''s library keeps its own data in the table. STABLE, PARALLEL SAFE. Execute: whoever
may audit.';

CREATE FUNCTION insforge.audit_ledgers(context insforge.audit_context)
RETURNS TABLE (id oid, object text, schema_name text, name text, ours boolean, attnum smallint, attname text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT t.id, t.object, t.schema_name, t.name, t.platform, a.attnum, a.attname::text
  FROM unnest(context.tables) t
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.id AND a.attnum > 0 AND NOT a.attisdropped
  WHERE (NOT t.platform OR t.name = 'x402_payments')
    AND lower(a.attname) ~ '^((settlement|payment|onchain|on_chain)_)?(tx|txn|transaction)_?(hash|signature)$|^settlement_hash$'
$fn$;
COMMENT ON FUNCTION insforge.audit_ledgers(insforge.audit_context) IS
'Tables that record settled payments, by a column for the transaction hash. STABLE, PARALLEL SAFE. Execute:
whoever may audit.';
