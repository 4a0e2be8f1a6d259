-- What the C functions of a verified session promise.
COMMENT ON FUNCTION insforge.login(text, text) IS
'Verifies a provider''s token by insforge.providers and makes its user the session''s, over whatever
request.jwt.claims says; returns the user''s id. scope transaction (the default) ends with the transaction;
scope connection with insforge.logout(), DISCARD ALL, RESET ALL or the connection, and it counts only while the
role that made it is in force: behind a pooler that hands connections on after each transaction it would be the
next client''s too, so use scope transaction there. Either ends when the token expires, and a transaction that
fails takes its login back. The token''s organisation is recorded in insforge.memberships unless the transaction is read-only. Pass
the token as a bind parameter: literals end up in logs. VOLATILE, PARALLEL UNSAFE, SECURITY DEFINER. Errors:
28000 with the failed check''s name first in the message (expired, unknown_issuer, revoked …), 22004 for NULL,
22023 for another scope, 22P05 for claims beyond ASCII in a database that is not UTF8, 42501 within a security-restricted operation. Execute: everybody.';
COMMENT ON FUNCTION insforge.logout() IS
'Ends the session''s login; nothing happens without one. VOLATILE, PARALLEL UNSAFE. No errors. Execute: everybody.';
COMMENT ON FUNCTION insforge.identity() IS
'Who is asking, as JSON: user_id, email and verified; after a login also org_id, org_role, permissions,
session_id, actor, provider, issuer, scope and expires_at (Unix seconds). NULL where nobody is known, also after
a login has expired. STABLE, PARALLEL SAFE. No errors. Execute: everybody.';
