-- Every role can read every setting that is not the server's own, and pg_db_role_setting with them.
CREATE FUNCTION insforge.lint_l33(context insforge.audit_context) RETURNS SETOF insforge.finding
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH secret (pattern) AS (VALUES ('(secret|passw(or)?d|passphrase|private_?key|encryption_?key|api_?key|service(_role)?_?key|signing_?key|access_?key|_token)$')),
  stored AS (
    SELECT s.setdatabase, s.setrole, split_part(e.entry, '=', 1) AS name
    FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) e (entry), secret k
    WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
      AND split_part(e.entry, '=', 1) ~* k.pattern AND strpos(split_part(e.entry, '=', 1), '.') > 0
      AND split_part(e.entry, '=', 2) <> ''),
  found AS (
    SELECT format('setting %s of %s', s.name, concat_ws(' in ',
             CASE WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'all roles' END,
             CASE WHEN s.setrole <> 0 THEN 'role ' || quote_ident(pg_get_userbyid(s.setrole)) END,
             CASE WHEN s.setdatabase <> 0 THEN 'database ' || quote_ident(current_database()) END)) AS object,
      -- Something that reads it would break.
      CASE WHEN s.name !~ '^pgrst\.' AND NOT EXISTS (
             SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace <> 'insforge'::regnamespace AND strpos(p.prosrc, s.name) > 0)
           THEN CASE WHEN s.setrole = 0 AND s.setdatabase = 0 THEN format('ALTER ROLE ALL RESET %s;', n.quoted)
                     WHEN s.setrole = 0 THEN format('ALTER DATABASE %I RESET %s;', current_database(), n.quoted)
                     WHEN s.setdatabase = 0 THEN format('ALTER ROLE %s RESET %s;', quote_ident(pg_get_userbyid(s.setrole)), n.quoted)
                     ELSE format('ALTER ROLE %s IN DATABASE %I RESET %s;', quote_ident(pg_get_userbyid(s.setrole)), current_database(), n.quoted) END
      END AS fix
    FROM stored s, LATERAL (SELECT string_agg(quote_ident(i.part), '.' ORDER BY i.n) FROM string_to_table(s.name, '.') WITH ORDINALITY i (part, n)) n (quoted)
    UNION ALL
    SELECT 'setting ' || v.name, NULL
    FROM unnest('{app.encryption_key,app.jwt_secret,app.settings.jwt_secret,app.settings.service_role_key,app.secret,app.api_key,pgrst.jwt_secret}'::text[]) v (name)
    WHERE current_setting(v.name, true) <> '' AND v.name NOT IN (SELECT s.name FROM stored s))
  SELECT 'L33', 'critical', 'security', 'A secret is kept in a setting',
    format('The %s is readable by every role, anon included, with current_setting() or from pg_db_role_setting.', f.object),
    f.object,
    'Keep secrets outside the database, in the environment of the service that uses them; change this one. An encryption key must not be the JWT secret.',
    f.fix, 'L33:' || f.object
  FROM found f WHERE context.whole_database
$fn$;
COMMENT ON FUNCTION insforge.lint_l33(insforge.audit_context) IS
'L33 secret_in_setting, described in docs/lints/L33_secret_in_setting.md. STABLE, PARALLEL SAFE. Execute: whoever may audit.';
