-- Reads one expression tree as pg_policy stores it. The text is a preorder listing in which every node
-- opens with "{NAME" and closes with "}", so one pass with a stack of the open nodes sees every call, column
-- and operator together with what encloses it. Deparsed SQL would not do: it says neither which table a
-- column belongs to nor which schema a function is in.

-- The text of a constant, from its bytes as a tree prints them: a four-byte header, then the string.
CREATE FUNCTION insforge.audit_constant(node text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
  SELECT convert_from(decode(string_agg(lpad(to_hex((b.byte::int + 256) % 256), 2, '0'), '' ORDER BY b.n), 'hex'),
                      getdatabaseencoding())
  FROM string_to_table(substring(node FROM ':constvalue \d+ \[ ([-0-9 ]+) \]'), ' ') WITH ORDINALITY AS b (byte, n)
  WHERE b.n > 4
$fn$;
COMMENT ON FUNCTION insforge.audit_constant(text) IS
'Text of a CONST node of type text; NULL for NULL. STABLE, PARALLEL SAFE. Execute: whoever may audit.';

CREATE FUNCTION insforge.audit_expression(
  tree text, callers oid[], subjects oid[], claims oid[], equality oid[]
) RETURNS insforge.audit_expression
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
  json_reads CONSTANT oid[] := '{3211,3477,3962,3963}';  -- -> and ->> of jsonb and json
  setting_calls CONSTANT oid[] := '{2077,3294}';         -- current_setting
  wrappers CONSTANT text[] := '{SUBLINK,QUERY,TARGETENTRY,RELABELTYPE,COERCEVIAIO,ARRAYCOERCEEXPR,NULLIFEXPR}';
  e insforge.audit_expression;
  piece text; node text; up text; literal text; constant text; id oid; n int;
  depth int := 0; conditions int := 0; climb int := 0; null_test int := 0; null_call oid;
  -- what is open, by depth
  names text[] := '[0:0]={TREE}'; ids oid[] := '[0:0]={0}'; starts int[] := '[0:0]={0}'; condition int[] := '[0:0]={0}';
  loose boolean[] := '[0:0]={f}'; queries int[] := '[0:0]={0}'; sublinks int[] := '[0:0]={0}'; call int[] := '[0:0]={0}';
  reads_claims boolean[] := '[0:0]={f}';
  -- calls, columns of the row, and conditions that ask who the caller is
  called oid[] := '{}'; by_row boolean[] := '{}'; inside boolean[] := '{}';
  own smallint[] := '{}'; own_condition int[] := '{}'; own_loose boolean[] := '{}'; own_key boolean[] := '{}';
  asks boolean[] := '{}'; subject boolean[] := '{}'; reads boolean[] := '{}';
  position int := 0;
BEGIN
  IF tree IS NULL THEN
    RETURN NULL;
  END IF;
  e := ROW(false, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')::insforge.audit_expression;

  -- A backslash takes the meaning from a brace in a name; names do not matter here.
  FOREACH piece IN ARRAY string_to_array(replace(replace(replace(substr(tree, 2), '\\', ''), '\{', ''), '\}', ''), '{') LOOP
    position := position + 1;
    up := names[depth];
    depth := depth + 1;
    node := split_part(piece, ' ', 1);
    names[depth] := node;
    starts[depth] := position;
    loose[depth] := loose[depth - 1];
    queries[depth] := queries[depth - 1];
    sublinks[depth] := sublinks[depth - 1];
    call[depth] := 0;
    IF condition[depth - 1] = 0 AND node <> 'BOOLEXPR' THEN
      conditions := conditions + 1;
      condition[depth] := conditions;
      asks[conditions] := false;
      subject[conditions] := false;
      reads[conditions] := false;
    ELSE
      condition[depth] := condition[depth - 1];
    END IF;

    CASE node
    WHEN 'BOOLEXPR' THEN
      ids[depth] := (piece LIKE 'BOOLEXPR :boolop not%')::int::oid;
      IF piece NOT LIKE 'BOOLEXPR :boolop and%' THEN
        loose[depth] := true;
      END IF;
      IF condition[depth - 1] = 0 THEN
        condition[depth] := 0;
      END IF;
    WHEN 'FUNCEXPR', 'OPEXPR', 'SCALARARRAYOPEXPR', 'DISTINCTEXPR' THEN
      id := split_part(piece, ' ', 3)::oid;
      ids[depth] := id;
      reads_claims[depth] := false;
      IF node <> 'FUNCEXPR' THEN
        id := split_part(piece, ' ', 5)::oid;  -- the operator's function
      END IF;
      IF node = 'FUNCEXPR' OR id >= 16384 THEN
        called := called || id;
        by_row := by_row || false;
        inside := inside || (sublinks[depth] > 0);
        call[depth] := cardinality(called);
        IF id = ANY (callers) THEN
          asks[condition[depth]] := true;
          subject[condition[depth]] := subject[condition[depth]] OR id = ANY (subjects);
        END IF;
        -- Where does its result go? Through wrappers, to a test that answers yes for nobody, or to the
        -- operator that picks one claim.
        climb := CASE WHEN id = ANY (subjects) OR id = ANY (claims) OR id = ANY (setting_calls) THEN depth - 1 ELSE 0 END;
        WHILE climb > 0 LOOP
          IF names[climb] = 'OPEXPR' AND ids[climb] = ANY (json_reads) AND NOT id = ANY (subjects) THEN
            reads_claims[climb] := true;
            EXIT;
          ELSIF id = ANY (subjects) AND names[climb] IN ('DISTINCTEXPR', 'COALESCEEXPR') THEN
            e.trapped_calls := e.trapped_calls || id;
            EXIT;
          ELSIF id = ANY (subjects) AND names[climb] = 'NULLTEST' THEN
            null_test := climb;
            null_call := id;
            EXIT;
          END IF;
          EXIT WHEN NOT names[climb] = ANY (wrappers);
          climb := climb - 1;
        END LOOP;
      END IF;
    WHEN 'SUBLINK' THEN
      sublinks[depth] := sublinks[depth] + 1;
    WHEN 'QUERY' THEN
      queries[depth] := queries[depth] + 1;
    WHEN 'VAR' THEN
      IF split_part(piece, ' ', 3) = '1' AND substring(piece FROM ':varlevelsup (\d+)')::int = queries[depth] THEN
        own := own || split_part(piece, ' ', 5)::smallint;
        own_condition := own_condition || condition[depth];
        own_loose := own_loose || loose[depth];
        n := CASE up WHEN 'RELABELTYPE' THEN depth - 2 ELSE depth - 1 END;
        own_key := own_key || (queries[depth] = 0 AND ids[n] = ANY (equality)
          AND (names[n] = 'OPEXPR' OR (names[n] = 'SCALARARRAYOPEXPR' AND position - starts[n] = depth - n))
          AND (condition[n - 1] = 0 OR names[n - 1] = 'SUBLINK'));
        FOR n IN 1 .. depth - 1 LOOP
          IF call[n] > 0 THEN
            by_row[call[n]] := true;
          END IF;
        END LOOP;
      END IF;
    WHEN 'CONST' THEN
      n := depth - 1;
      IF names[n] IN ('ARRAYEXPR', 'RELABELTYPE') THEN
        n := n - 1;
      END IF;
      IF split_part(piece, ' ', 3) = '25' THEN
        IF names[n] = 'OPEXPR' AND reads_claims[n] THEN
          literal := insforge.audit_constant(piece);
          e.claim_keys := e.claim_keys || literal;
          IF literal = 'sub' THEN
            subject[condition[depth]] := true;
            climb := n - 1;
            WHILE climb > 0 AND names[climb] = ANY (wrappers) LOOP
              climb := climb - 1;
            END LOOP;
            IF names[climb] IN ('DISTINCTEXPR', 'COALESCEEXPR') THEN
              e.trapped_calls := e.trapped_calls || 0::oid;
            ELSIF names[climb] = 'NULLTEST' THEN
              null_test := climb;
              null_call := 0;
            END IF;
          END IF;
        ELSIF names[n] = 'FUNCEXPR' AND ids[n] = ANY (setting_calls) THEN
          literal := insforge.audit_constant(piece);
          e.settings := e.settings || literal;
          IF names[n - 1] = 'COERCEVIAIO' THEN
            e.cast_settings := e.cast_settings || literal;
          END IF;
        ELSIF names[n] = 'FUNCEXPR' AND ids[n] = ANY (claims) AND position - starts[n] = depth - n THEN
          e.claim_keys := e.claim_keys || insforge.audit_constant(piece);
        END IF;
      END IF;
      IF piece LIKE 'CONST :consttype 16 %:constvalue 1 [ 1 %' THEN
        e.always_true := e.always_true OR depth = 1 OR (depth = 2 AND ids[1] = 0 AND up = 'BOOLEXPR' AND loose[1]);
      ELSIF depth = 2 AND up = 'OPEXPR' AND ids[1] = ANY (equality) THEN
        literal := regexp_replace(split_part(piece, '}', 1), ':location -?\d+', '');
        e.always_true := literal IS NOT DISTINCT FROM constant;  -- 1 = 1
        constant := literal;
      END IF;
    WHEN 'SQLVALUEFUNCTION' THEN
      asks[condition[depth]] := true;
    ELSE
      NULL;
    END CASE;

    -- A table of a sub-select; its number follows the node that names it.
    IF queries[depth] > 0 AND strpos(piece, ':relid ') > 0 THEN
      id := substring(piece FROM ':relid (\d+)')::oid;
      IF id > 0 THEN
        e.relations := e.relations || id;
        reads[condition[depth]] := true;
      END IF;
    END IF;

    n := length(piece) - length(replace(piece, '}', ''));
    IF null_test > 0 AND depth - n < null_test THEN
      -- Which test it is follows its argument. NOT turns it round.
      IF (split_part(piece, '}', depth - null_test + 1) LIKE '%:nulltesttype 0%')
         = (names[null_test - 1] <> 'BOOLEXPR' OR ids[null_test - 1] <> 1) THEN
        e.trapped_calls := e.trapped_calls || null_call;
      END IF;
      null_test := 0;
    END IF;
    depth := depth - n;
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
