-- Options are checked by name and by kind before a template sees them.

CREATE FUNCTION insforge._rls_known_options(template text)
RETURNS TABLE (option text, kind text, required boolean, fallback jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  -- A template's own row wins over the common one.
  SELECT DISTINCT ON (t.option) t.option, t.kind, t.required, t.fallback
  FROM insforge.policy_templates() t
  WHERE t.template IN ('*', _rls_known_options.template)
  ORDER BY t.option, t.template = '*'
$fn$;

CREATE FUNCTION insforge._rls_option_fits(kind text, value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE
    WHEN kind IN ('column', 'text', 'relation') THEN jsonb_typeof(value) = 'string' AND value <> '""'
    WHEN kind = 'boolean' THEN jsonb_typeof(value) = 'boolean'
    WHEN kind = 'integer' THEN value::text ~ '^[1-9][0-9]{0,3}$'
    WHEN kind IN ('roles', 'texts') THEN jsonb_typeof(value) = 'array' AND value <> '[]'
      AND NOT jsonb_path_exists(value, '$[*] ? (@.type() != "string" || @ == "")')
    ELSE jsonb_typeof(value) = 'string' AND value #>> '{}' = ANY (string_to_array(kind, '|'))
  END
$fn$;

CREATE FUNCTION insforge._rls_kind_in_words(kind text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT CASE kind WHEN 'column' THEN 'the name of a column' WHEN 'relation' THEN 'the name of a table'
    WHEN 'roles' THEN 'an array of database roles' WHEN 'texts' THEN 'an array of strings'
    WHEN 'text' THEN 'a string' WHEN 'boolean' THEN 'true or false' WHEN 'integer' THEN 'a number from 1 to 9999'
    ELSE 'one of ' || replace(kind, '|', ', ') END
$fn$;

CREATE FUNCTION insforge._rls_check_options(template text, options jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  given record;
  known record;
BEGIN
  FOR given IN SELECT e.key, e.value FROM jsonb_each(options) e LOOP
    SELECT * INTO known FROM insforge._rls_known_options(template) k WHERE k.option = given.key;
    IF NOT FOUND THEN
      PERFORM insforge._rls_fail('22023', format('template %s has no option "%s"', template, given.key),
        (SELECT 'Its options: ' || string_agg(k.option, ', ' ORDER BY k.option)
          FROM insforge._rls_known_options(template) k));
    END IF;
    IF given.value <> 'null' AND insforge._rls_option_fits(known.kind, given.value) IS NOT TRUE THEN
      PERFORM insforge._rls_fail('22023', format('option "%s" of template %s cannot be %s', given.key, template,
        given.value),
        format('It must be %s.', insforge._rls_kind_in_words(known.kind)));
    END IF;
  END LOOP;
  FOR known IN SELECT * FROM insforge._rls_known_options(template) k WHERE k.required LOOP
    IF coalesce(options -> known.option, 'null') = 'null' THEN
      PERFORM insforge._rls_fail('22023', format('template %s needs option "%s"', template, known.option),
        format('Pass {"%s": …}: %s.', known.option, insforge._rls_kind_in_words(known.kind)));
    END IF;
  END LOOP;
END $fn$;

-- All options of the template: given ones over fallbacks; absent where neither is.
CREATE FUNCTION insforge._rls_options(template text, options jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  complete jsonb;
BEGIN
  IF template IS NULL OR options IS NULL THEN
    PERFORM insforge._rls_fail('22004', 'template and options must not be NULL', 'No options are ''{}''.');
  END IF;
  IF NOT EXISTS (SELECT FROM insforge.policy_templates() t WHERE t.template = _rls_options.template
    AND t.template <> '*') THEN
    PERFORM insforge._rls_fail('22023', format('there is no policy template "%s"', template),
      (SELECT 'Templates: ' || string_agg(DISTINCT t.template, ', ') FROM insforge.policy_templates() t
        WHERE t.template <> '*'));
  END IF;
  IF jsonb_typeof(options) <> 'object' THEN
    PERFORM insforge._rls_fail('22023', format('options must be a JSON object, not %s', options),
      'For instance {"column": "user_id"}.');
  END IF;
  PERFORM insforge._rls_check_options(template, options);
  SELECT coalesce(jsonb_object_agg(k.option, k.fallback) FILTER (WHERE k.fallback IS NOT NULL), '{}')
    INTO complete FROM insforge._rls_known_options(template) k;
  complete := complete || jsonb_strip_nulls(options);
  PERFORM insforge._rls_check_roles(insforge._rls_texts(complete -> 'to')
    || insforge._rls_texts(complete -> 'public_to'));
  RETURN complete;
END $fn$;

CREATE FUNCTION insforge._rls_check_roles(roles text[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY roles LOOP
    IF lower(role) IN ('public', 'none', 'current_user', 'session_user', 'current_role') THEN
      PERFORM insforge._rls_fail('22023', format('"%s" is not a role of its own', role),
        'Policies are for named roles.');
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
      PERFORM insforge._rls_fail('42704', format('role "%s" does not exist', role), CASE
        WHEN role IN ('anon', 'authenticated') THEN 'SELECT insforge.ensure_roles(); creates anon and authenticated.'
        ELSE 'Create it, or name another in option "to".' END);
    END IF;
  END LOOP;
END $fn$;
