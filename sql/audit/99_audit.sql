-- The lints together, and what the developer has decided to live with. Numbers are never given twice; L45 is the
-- sidecar's `doctor`, which sees what no database can.

CREATE TABLE insforge.suppressions (
  rule_id text NOT NULL CHECK (rule_id ~ '^L\d\d$'),
  affected_object text NOT NULL CHECK (affected_object <> ''),
  reason text NOT NULL CHECK (btrim(reason) <> ''),
  suppressed_by text NOT NULL DEFAULT current_user,
  suppressed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (rule_id, affected_object)
);
COMMENT ON TABLE insforge.suppressions IS 'Findings that insforge.audit() leaves out, and why.';
COMMENT ON COLUMN insforge.suppressions.affected_object IS 'as the finding has it';
REVOKE ALL ON insforge.suppressions FROM PUBLIC;

DO $do$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
             AND d.objid = 'insforge.suppressions'::regclass AND d.deptype = 'e') THEN
    PERFORM pg_catalog.pg_extension_config_dump('insforge.suppressions', '');
  END IF;
END $do$;

CREATE FUNCTION insforge.audit(schemas text[] DEFAULT NULL) RETURNS SETOF insforge.finding
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off
AS $fn$
BEGIN
  RETURN QUERY
  WITH context AS MATERIALIZED (SELECT insforge.audit_context(schemas) AS c)
  SELECT f.* FROM context, LATERAL (
              SELECT * FROM insforge.lint_l01(c)
    UNION ALL SELECT * FROM insforge.lint_l02(c)
    UNION ALL SELECT * FROM insforge.lint_l03(c)
    UNION ALL SELECT * FROM insforge.lint_l04(c)
    UNION ALL SELECT * FROM insforge.lint_l05(c)
    UNION ALL SELECT * FROM insforge.lint_l06(c)
    UNION ALL SELECT * FROM insforge.lint_l07(c)
    UNION ALL SELECT * FROM insforge.lint_l08(c)
    UNION ALL SELECT * FROM insforge.lint_l09(c)
    UNION ALL SELECT * FROM insforge.lint_l10(c)
    UNION ALL SELECT * FROM insforge.lint_l11(c)
    UNION ALL SELECT * FROM insforge.lint_l12(c)
    UNION ALL SELECT * FROM insforge.lint_l13(c)
    UNION ALL SELECT * FROM insforge.lint_l14(c)
    UNION ALL SELECT * FROM insforge.lint_l15(c)
    UNION ALL SELECT * FROM insforge.lint_l16(c)
    UNION ALL SELECT * FROM insforge.lint_l17(c)
    UNION ALL SELECT * FROM insforge.lint_l18(c)
    UNION ALL SELECT * FROM insforge.lint_l19(c)
    UNION ALL SELECT * FROM insforge.lint_l20(c)
    UNION ALL SELECT * FROM insforge.lint_l21(c)
    UNION ALL SELECT * FROM insforge.lint_l22(c)
    UNION ALL SELECT * FROM insforge.lint_l23(c)
    UNION ALL SELECT * FROM insforge.lint_l24(c)
    UNION ALL SELECT * FROM insforge.lint_l25(c)
    UNION ALL SELECT * FROM insforge.lint_l26(c)
    UNION ALL SELECT * FROM insforge.lint_l27(c)
    UNION ALL SELECT * FROM insforge.lint_l28(c)
    UNION ALL SELECT * FROM insforge.lint_l29(c)
    UNION ALL SELECT * FROM insforge.lint_l30(c)
    UNION ALL SELECT * FROM insforge.lint_l31(c)
    UNION ALL SELECT * FROM insforge.lint_l32(c)
    UNION ALL SELECT * FROM insforge.lint_l33(c)
    UNION ALL SELECT * FROM insforge.lint_l34(c)
    UNION ALL SELECT * FROM insforge.lint_l35(c)
    UNION ALL SELECT * FROM insforge.lint_l36(c)
    UNION ALL SELECT * FROM insforge.lint_l37(c)
    UNION ALL SELECT * FROM insforge.lint_l38(c)
    UNION ALL SELECT * FROM insforge.lint_l39(c)
    UNION ALL SELECT * FROM insforge.lint_l40(c)
    UNION ALL SELECT * FROM insforge.lint_l41(c)
    UNION ALL SELECT * FROM insforge.lint_l42(c)
    UNION ALL SELECT * FROM insforge.lint_l43(c)
    UNION ALL SELECT * FROM insforge.lint_l44(c)
  ) f
  WHERE NOT EXISTS (SELECT FROM insforge.suppressions s WHERE s.rule_id = f.rule_id AND s.affected_object = f.affected_object)
  ORDER BY array_position('{critical,warning,info}', f.severity), f.rule_id, f.affected_object;
END $fn$;
COMMENT ON FUNCTION insforge.audit(text[]) IS
'Findings about identity, row-level security and payment tables in these schemas; NULL: in all that are not the
server''s, an extension''s or the platform''s, with storage, realtime and payments, and about the database as a
whole. Most severe first; what insforge.suppress() names is left out. Reads catalogs only, and which storage
buckets are public; with the caller''s own rights. STABLE, PARALLEL SAFE. Errors: 22004 for a NULL among the
names, 3F000 for a schema that does not exist. Execute: those given insforge.grant_audit(role).';

CREATE FUNCTION insforge.suppress(rule_id text, affected_object text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  IF rule_id IS NULL OR affected_object IS NULL OR reason IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'a suppression needs a rule, an object and a reason';
  END IF;
  IF rule_id !~ '^L\d\d$' OR to_regprocedure(format('insforge.lint_%s(insforge.audit_context)', lower(rule_id))) IS NULL THEN
    RAISE invalid_parameter_value USING MESSAGE = format('there is no rule %s', quote_literal(rule_id)),
      HINT = 'Rules are L01 to L44; L45 belongs to the sidecar.';
  END IF;
  IF btrim(reason) = '' OR affected_object = '' THEN
    RAISE invalid_parameter_value USING MESSAGE = 'the object and the reason must not be empty';
  END IF;
  INSERT INTO insforge.suppressions AS s (rule_id, affected_object, reason) VALUES ($1, $2, $3)
  ON CONFLICT ON CONSTRAINT suppressions_pkey DO UPDATE
    SET reason = excluded.reason, suppressed_by = current_user, suppressed_at = now();
END $fn$;
COMMENT ON FUNCTION insforge.suppress(text, text, text) IS
'Leaves one finding out of insforge.audit(): rule_id and affected_object as the finding has them, and why. Again
replaces the reason. VOLATILE, PARALLEL UNSAFE, with the caller''s own rights. Errors: 22004 for NULL, 22023 for
an unknown rule or an empty reason. Execute: those given insforge.grant_audit(role).';

CREATE FUNCTION insforge.unsuppress(rule_id text, affected_object text) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
  DELETE FROM insforge.suppressions s WHERE s.rule_id = $1 AND s.affected_object = $2;
  RETURN FOUND;
END $fn$;
COMMENT ON FUNCTION insforge.unsuppress(text, text) IS
'Reports the finding again; false where it was not suppressed, NULL included. VOLATILE, PARALLEL UNSAFE, with the
caller''s own rights. No errors. Execute: those given insforge.grant_audit(role).';

CREATE FUNCTION insforge.grant_audit(auditor regrole) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  one regprocedure;
BEGIN
  IF auditor IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'name the role that may audit';
  END IF;
  IF auditor IN (to_regrole('anon'), to_regrole('authenticated')) THEN
    RAISE invalid_parameter_value USING MESSAGE = format('%s serves every visitor: an audit would show them where to attack', auditor);
  END IF;
  FOR one IN
    SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'insforge' AND p.proname ~ '^(audit(_.*)?|lint_l\d\d|suppress|unsuppress)$'
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', one, auditor);
  END LOOP;
  EXECUTE format('GRANT USAGE ON SCHEMA insforge TO %s', auditor);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON insforge.suppressions TO %s', auditor);
END $fn$;
COMMENT ON FUNCTION insforge.grant_audit(regrole) IS
'Lets a role call insforge.audit(), suppress() and unsuppress(). Again is a no-op. VOLATILE, PARALLEL UNSAFE, with
the caller''s own rights. Errors: 22004 for NULL, 22023 for anon and authenticated, 42501 unless the caller owns
the extension''s objects. Execute: owner.';
