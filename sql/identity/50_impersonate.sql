CREATE FUNCTION insforge.impersonate(user_id text, role text DEFAULT 'authenticated', claims jsonb DEFAULT '{}')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  extra CONSTANT jsonb := coalesce(claims, '{}');
BEGIN
  IF jsonb_typeof(extra) <> 'object' THEN
    RAISE invalid_parameter_value USING MESSAGE = format('claims must be a JSON object, not %s', jsonb_typeof(extra));
  END IF;
  IF role IS NULL OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = impersonate.role) THEN
    RAISE undefined_object USING MESSAGE = format('role "%s" does not exist', role),
      HINT = 'SELECT insforge.ensure_roles(); creates anon and authenticated.';
  END IF;
  -- A token without a subject has no "sub" at all, which is not the same as one that is null.
  PERFORM set_config('request.jwt.claims', (extra - 'sub' || jsonb_build_object('role', role)
    || CASE WHEN user_id IS NULL THEN '{}' ELSE jsonb_build_object('sub', user_id) END)::text, true);
  IF insforge.requesting_user_id() IS DISTINCT FROM user_id THEN
    RAISE invalid_parameter_value USING
      MESSAGE = format('insforge.requesting_user_id() is %s after impersonating %s',
                       coalesce(quote_literal(insforge.requesting_user_id()), 'NULL'), quote_literal(user_id)),
      HINT = 'Blank ids and ids above 1024 bytes identify nobody; a session opened by insforge.login() outranks claims.';
  END IF;
  PERFORM set_config('role', role, true);
END $fn$;
COMMENT ON FUNCTION insforge.impersonate(text, text, jsonb) IS
'Becomes a user until the end of the transaction, as the data API would: SET LOCAL ROLE and the claims (sub
and role win over what claims holds). Use it between BEGIN and ROLLBACK; RESET ROLE returns earlier. NULL
user_id: a caller without identity; NULL claims: none. VOLATILE, PARALLEL UNSAFE, with the caller''s own
rights. Errors: 22023 claims not an object or an id that identifies nobody, 42704 no such role, 42501 where
the caller may not become that role. Execute: owner and developers, never anon or authenticated.';
REVOKE ALL ON FUNCTION insforge.impersonate(text, text, jsonb) FROM PUBLIC;
