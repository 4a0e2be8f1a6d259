-- Reads one expression tree as pg_policy stores it. The text is a preorder listing in which every node
-- opens with "{NAME" and closes with "}", so one pass with a stack of the open nodes sees every call, column
-- and operator together with what encloses it. Deparsed SQL would not do: it says neither which table a
-- column belongs to nor which schema a function is in.

-- The text of a constant, from its bytes as a tree prints them: a four-byte header, then the string. Of an array of
-- text, its first element, which has such a header of its own after 24 bytes.
CREATE FUNCTION insforge.audit_constant(node text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  WITH bytes AS (
    SELECT ARRAY(SELECT (b.byte::int + 256) % 256
                 FROM string_to_table(substring(node FROM ':constvalue \d+ \[ ([-0-9 ]+) \]'), ' ') b (byte)) AS list),
  part AS (
    SELECT CASE WHEN split_part(node, ' ', 3) = '1009' THEN list[29 : 24 + (list[25] + 256 * list[26]) / 4] ELSE list[5:] END AS list
    FROM bytes)
  SELECT convert_from(decode(string_agg(lpad(to_hex(b.byte), 2, '0'), '' ORDER BY b.n), 'hex'), getdatabaseencoding())
  FROM part, unnest(part.list) WITH ORDINALITY b (byte, n)
$fn$;
COMMENT ON FUNCTION insforge.audit_constant(text) IS
'Text of a CONST node of type text; NULL for NULL. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

-- Lists of open nodes are indexed by depth. What an outer node decides for all inside it is kept as the depth where
-- it began, and forgotten when that node closes.
CREATE FUNCTION insforge.audit_expression(
  tree text, callers oid[], subjects oid[], claims oid[], equality oid[]
) RETURNS insforge.audit_expression
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  json_reads CONSTANT oid[] := '{3211,3477,3962,3963,3213,3206,3966,3967}';  -- -> ->> #> #>> of jsonb and json
  setting_calls CONSTANT oid[] := '{2077,3294}';         -- current_setting
  wrappers CONSTANT text[] := '{SUBLINK,QUERY,TARGETENTRY,RELABELTYPE,COERCEVIAIO,ARRAYCOERCEEXPR,NULLIFEXPR}';
  e insforge.audit_expression;
  piece text; node text; literal text; constant text; id oid; n int; closed int; climb int;
  position int := 0; depth int := 0; queries int := 0; sublinks int := 0;
  condition int := 0; condition_at int := 0; loose_at int := 0; null_test int := 0; null_call oid;
  -- open nodes: name, operator or function, place in the list, call number, whether it picks a claim
  names text[] := '[0:0]={TREE}'; ids oid[] := '[0:0]={0}'; starts int[] := '[0:0]={0}';
  call int[] := '[0:0]={0}'; picks_claim boolean[] := '[0:0]={f}';
  -- calls, columns of the row, and what each condition asks
  called oid[] := '{}'; by_row boolean[] := '{}'; inside boolean[] := '{}';
  own smallint[] := '{}'; own_condition int[] := '{}'; own_loose boolean[] := '{}'; own_key boolean[] := '{}';
  asks boolean[] := '{}'; subject boolean[] := '{}'; reads boolean[] := '{}';
BEGIN
  IF tree IS NULL THEN
    RETURN NULL;
  END IF;
  e := ROW(false, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', false)::insforge.audit_expression;

  -- A backslash takes the meaning from a brace in a name; names do not matter here.
  FOREACH piece IN ARRAY string_to_array(replace(replace(replace(substr(tree, 2), '\\', ''), '\{', ''), '\}', ''), '{') LOOP
    position := position + 1;
    depth := depth + 1;
    node := split_part(piece, ' ', 1);
    names[depth] := node;
    IF condition_at = 0 AND node <> 'BOOLEXPR' THEN
      condition := condition + 1;
      condition_at := depth;
      asks[condition] := false;
      subject[condition] := false;
      reads[condition] := false;
    END IF;

    IF node IN ('FUNCEXPR', 'OPEXPR', 'SCALARARRAYOPEXPR', 'DISTINCTEXPR') THEN
      id := split_part(piece, ' ', 3)::oid;
      ids[depth] := id;
      starts[depth] := position;
      call[depth] := 0;
      picks_claim[depth] := false;
      IF node <> 'FUNCEXPR' THEN
        id := split_part(piece, ' ', 5)::oid;  -- the operator's function
      END IF;
      IF node = 'FUNCEXPR' OR id >= 16384 THEN  -- of the server's own only those that look like calls
        called := called || id;
        by_row := by_row || false;
        inside := inside || (sublinks > 0);
        call[depth] := cardinality(called);
      END IF;
      IF id = ANY (callers) THEN
        asks[condition] := true;
        subject[condition] := subject[condition] OR id = ANY (subjects);
        -- Where does its result go? Through wrappers, to a test that answers yes for nobody, or to the operator
        -- that picks one claim.
        climb := depth - 1;
        WHILE climb > 0 LOOP
          IF names[climb] = 'OPEXPR' AND ids[climb] = ANY (json_reads) AND NOT id = ANY (subjects) THEN
            picks_claim[climb] := true;
            EXIT;
          ELSIF id = ANY (subjects) AND names[climb] IN ('DISTINCTEXPR', 'COALESCEEXPR') THEN
            e.trapped_calls := e.trapped_calls || id;
            EXIT;
          ELSIF names[climb] = 'NULLTEST' AND (id = ANY (subjects) OR (id = ANY (claims)
              AND EXISTS (SELECT FROM pg_catalog.pg_proc f WHERE f.oid = id AND f.pronargs = 0))) THEN
            null_test := climb;  -- no id, or no claims at all
            null_call := id;
            EXIT;
          END IF;
          EXIT WHEN NOT names[climb] = ANY (wrappers);
          climb := climb - 1;
        END LOOP;
      END IF;
    ELSIF node = 'VAR' THEN
      IF split_part(piece, ' ', 3) = '1' AND substring(piece FROM ':varlevelsup (\d+)')::int = queries THEN
        own := own || split_part(piece, ' ', 5)::smallint;
        own_condition := own_condition || condition;
        own_loose := own_loose || (loose_at > 0);
        n := CASE names[depth - 1] WHEN 'RELABELTYPE' THEN depth - 2 ELSE depth - 1 END;
        -- One side of an equality, or the left of = ANY, that is itself the condition or the test of its IN.
        own_key := own_key || (queries = 0
          AND (names[n] = 'OPEXPR' OR (names[n] = 'SCALARARRAYOPEXPR' AND position - starts[n] = depth - n))
          AND ids[n] = ANY (equality) AND (n = condition_at OR (n - 1 = condition_at AND names[n - 1] = 'SUBLINK')));
        FOR k IN 1 .. depth - 1 LOOP
          IF names[k] IN ('FUNCEXPR', 'OPEXPR', 'SCALARARRAYOPEXPR', 'DISTINCTEXPR') AND call[k] > 0 THEN
            by_row[call[k]] := true;
          END IF;
        END LOOP;
      END IF;
    ELSIF node = 'CONST' THEN
      n := CASE WHEN names[depth - 1] IN ('ARRAYEXPR', 'RELABELTYPE') THEN depth - 2 ELSE depth - 1 END;
      IF names[n] = 'OPEXPR' AND picks_claim[n] AND split_part(piece, ' ', 3) IN ('25', '1009') THEN
        literal := insforge.audit_constant(piece);
        e.claim_keys := e.claim_keys || literal;
        IF literal = 'sub' THEN
          subject[condition] := true;
          climb := n - 1;
          WHILE names[climb] = ANY (wrappers) LOOP
            climb := climb - 1;
          END LOOP;
          IF names[climb] IN ('DISTINCTEXPR', 'COALESCEEXPR') THEN
            e.trapped_calls := e.trapped_calls || 0::oid;
          ELSIF names[climb] = 'NULLTEST' THEN
            null_test := climb;
            null_call := 0;
          END IF;
        END IF;
      ELSIF names[n] = 'FUNCEXPR' AND position - starts[n] = depth - n AND split_part(piece, ' ', 3) = '25' THEN
        IF ids[n] = ANY (setting_calls) THEN
          literal := insforge.audit_constant(piece);
          e.settings := e.settings || literal;
          IF names[n - 1] = 'COERCEVIAIO' THEN
            e.cast_settings := e.cast_settings || literal;
          END IF;
        ELSIF ids[n] = ANY (claims) THEN
          e.claim_keys := e.claim_keys || insforge.audit_constant(piece);
        END IF;
      ELSIF piece LIKE 'CONST :consttype 16 %:constvalue 1 [ 1 %' THEN
        e.always_true := e.always_true OR depth = 1 OR (depth = 2 AND loose_at = 1 AND ids[1] = 0);
      ELSIF depth = 2 AND names[1] = 'OPEXPR' AND ids[1] = ANY (equality) THEN
        literal := regexp_replace(split_part(piece, '}', 1), ':location -?\d+', '');
        e.always_true := literal IS NOT DISTINCT FROM constant;  -- 1 = 1
        constant := literal;
      END IF;
    ELSIF node = 'BOOLEXPR' THEN
      ids[depth] := (piece LIKE 'BOOLEXPR :boolop not%')::int::oid;
      IF loose_at = 0 AND piece NOT LIKE 'BOOLEXPR :boolop and%' THEN
        loose_at := depth;
      END IF;
    ELSIF node = 'SUBLINK' THEN
      sublinks := sublinks + 1;
    ELSIF node = 'QUERY' THEN
      queries := queries + 1;
    ELSIF node = 'SQLVALUEFUNCTION' THEN
      asks[condition] := true;
    END IF;

    -- A table of a sub-select; its number follows the node that names it.
    IF queries > 0 AND strpos(piece, ':relid ') > 0 THEN
      id := substring(piece FROM ':relid (\d+)')::oid;
      IF id > 0 THEN
        e.relations := e.relations || id;
        reads[condition] := true;
      END IF;
    END IF;

    closed := length(piece) - length(replace(piece, '}', ''));
    IF null_test > depth - closed THEN
      -- Which test it is follows its argument. NOT turns it round.
      IF (split_part(piece, '}', depth - null_test + 1) LIKE '%:nulltesttype 0%')
         = (names[null_test - 1] <> 'BOOLEXPR' OR ids[null_test - 1] <> 1) THEN
        e.trapped_calls := e.trapped_calls || null_call;
      END IF;
      null_test := 0;
    END IF;
    FOR k IN depth - closed + 1 .. depth LOOP
      IF names[k] = 'QUERY' THEN
        queries := queries - 1;
      ELSIF names[k] = 'SUBLINK' THEN
        sublinks := sublinks - 1;
      END IF;
    END LOOP;
    depth := depth - closed;
    IF condition_at > depth THEN
      condition_at := 0;
    END IF;
    IF loose_at > depth THEN
      loose_at := 0;
    END IF;
  END LOOP;

  e.columns := own;
  e.calls := called;
  FOR n IN 1 .. cardinality(own) LOOP
    CONTINUE WHEN NOT (asks[own_condition[n]] OR reads[own_condition[n]]);
    IF subject[own_condition[n]] AND NOT reads[own_condition[n]] THEN
      e.owners := e.owners || own[n];
    END IF;
    e.pins := e.pins || own[n];
    CONTINUE WHEN own_loose[n];
    e.and_pins := e.and_pins || own[n];
    IF own_key[n] THEN
      e.key_columns := e.key_columns || own[n];
    END IF;
  END LOOP;
  FOR n IN 1 .. cardinality(called) LOOP
    IF by_row[n] THEN
      e.row_calls := e.row_calls || called[n];
    ELSIF NOT inside[n] THEN
      e.bare_calls := e.bare_calls || called[n];
    END IF;
  END LOOP;
  RETURN e;
END $fn$;
COMMENT ON FUNCTION insforge.audit_expression(text, oid[], oid[], oid[], oid[]) IS
'Facts of one expression tree. callers: functions that tell anything about the caller; subjects: those of them
that return the caller''s id; claims: those that return claims; equality: the operators named =. NULL for NULL.
STABLE, PARALLEL SAFE. Execute: whoever may audit.';

-- What only the table and the policy's roles show to be true of every row. Deparsed SQL will do here: the whole
-- condition has to come down to the word true, and every operator in it has parentheses of its own.
CREATE FUNCTION insforge.audit_opened(facts insforge.audit_expression, condition text, table_id oid, signed_in boolean)
RETURNS insforge.audit_expression
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  role CONSTANT text := $r$(?:(?:auth|insforge)\.role\(\)|\((?:auth\.jwt\(\)|\( SELECT auth\.jwt\(\) AS jwt\)) ->> 'role'::text\))$r$;
  asked CONSTANT text := '(?:' || role || '|\( SELECT ' || role || '(?: AS \w+)?\))';
  rest text := condition; before text; present text; asks boolean := false;
BEGIN
  IF strpos(rest, ' IS NOT NULL)') > 0 THEN
    -- A composite value can be NULL in the sense of IS NULL and satisfy NOT NULL.
    SELECT string_agg(regexp_replace(quote_ident(a.attname), '([^\w])', '\\\1', 'g'), '|') INTO present
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = table_id AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND t.typtype NOT IN ('c', 'd');
  END IF;
  IF present IS NOT NULL THEN
    rest := regexp_replace(rest, '\((?:' || present || ') IS NOT NULL\)', 'true', 'g');
  END IF;
  IF signed_in AND strpos(rest, '''authenticated''::text') > 0 THEN
    before := rest;
    rest := regexp_replace(rest, '\((?:' || asked || $r$ = 'authenticated'::text|'authenticated'::text = $r$ || asked || '|' || asked
      || $r$ = ANY \(ARRAY\[(?:'(?!anon')\w+'::text, )*'authenticated'::text(?:, '(?!anon')\w+'::text)*\]\))\)$r$, 'true', 'g');
    asks := rest <> before;
  END IF;
  LOOP
    before := rest;
    rest := regexp_replace(rest, '\( SELECT true(?: AS (?:\w+|"[^"]*"))?\)|\(true(?: AND true)+\)', 'true', 'g');
    EXIT WHEN rest = before;
  END LOOP;
  facts.always_true := rest = 'true';
  facts.asks_role := facts.always_true AND asks;
  RETURN facts;
END $fn$;
COMMENT ON FUNCTION insforge.audit_opened(insforge.audit_expression, text, oid, boolean) IS
'The facts of a policy''s condition, always_true also where it only asks whether a NOT NULL column is NULL, for a
constant in a sub-select or, if it applies to signed-in users, for their role. condition: as pg_get_expr() has it.
STABLE, PARALLEL SAFE. Execute: whoever may audit.';
