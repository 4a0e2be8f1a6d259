-- The caller's user id: the claim `sub` where it is a usable string, else NULL. In C, since a policy
-- may call it for every row.
CREATE FUNCTION insforge.requesting_user_id() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'insforge_requesting_user_id';
COMMENT ON FUNCTION insforge.requesting_user_id() IS
'The caller''s user id: the claim sub of request.jwt.claims where it is a string that is not blank, holds
no NUL and is at most 1024 bytes long; else NULL, as for claims beyond ASCII in a database that is not UTF8. A session logged in by insforge.login() outranks the
claims. STABLE, PARALLEL SAFE; no arguments, no errors. Execute: everybody.';
