-- The audit's row, and the shapes in which one reading of the catalogs is handed to every lint. A lint is
-- a function of insforge.audit_context: expression trees are parsed once per audit, not once per lint, and
-- nothing is written, so that a read-only transaction can audit.

CREATE TYPE insforge.finding AS (
  rule_id text,
  severity text,
  category text,
  title text,
  description text,
  affected_object text,
  recommendation text,
  fix_sql text,
  cache_key text
);
COMMENT ON TYPE insforge.finding IS
'One finding of the audit. severity: critical, warning or info; category: security, performance or health;
fix_sql: NULL where no statement is certain to mend it without breaking something; cache_key: the same as
long as the rule and the object are.';

-- What a policy's expression does, read from its tree. Columns are numbers of the policy's own table, 0
-- being the whole row; a "condition" is a maximal part without AND, OR and NOT at its top.
CREATE TYPE insforge.audit_expression AS (
  always_true boolean,     -- constantly, or as good as that for whom a write policy applies to
  columns smallint[],      -- every column of the row it looks at
  owners smallint[],       -- columns in conditions that ask for the caller's id and read no table
  pins smallint[],         -- columns in conditions that ask anything about the caller, or read a table
  and_pins smallint[],     -- of those, the ones no OR or NOT lets a row avoid
  key_columns smallint[],  -- of those, the ones an index could be searched by
  calls oid[],             -- functions called anywhere
  bare_calls oid[],        -- called outside sub-selects without a column of the row
  row_calls oid[],         -- handed a column of the row
  trapped_calls oid[],     -- directly under IS NULL, IS DISTINCT FROM or coalesce()
  relations oid[],         -- tables its sub-selects read
  claim_keys text[],       -- top-level claims read with -> or ->>
  settings text[],         -- names given to current_setting()
  cast_settings text[],    -- of those, the ones whose value is cast as it is
  asks_role boolean        -- always_true for signed-in callers, and for no other
);

CREATE TYPE insforge.audit_policy AS (
  name text,
  object text,
  command text,
  permissive boolean,
  roles oid[],             -- 0: PUBLIC
  runtime text[],          -- which of anon and authenticated it applies to
  using_expr insforge.audit_expression,
  check_expr insforge.audit_expression
);

CREATE TYPE insforge.audit_table AS (
  id oid,
  schema_name text,
  name text,
  object text,
  kind text,
  rls boolean,
  platform boolean,        -- the platform's, or the extension's ledger: its columns are not the developer's to mend
  privileges text[],       -- what anon or authenticated may do, columns included, schema USAGE given
  policies insforge.audit_policy[]
);

CREATE TYPE insforge.audit_function AS (
  id oid,
  schema_name text,
  name text,
  object text,
  definer boolean,
  volatility text,
  parallel text,
  language text,
  returns oid,
  arguments integer,
  config text[],
  body text,               -- without comments
  mentions text[],         -- names it seems to call, lower case
  callable boolean,        -- anon or authenticated may call it
  in_policy boolean,
  audited boolean          -- in a schema that was asked for; the others serve as evidence
);

CREATE TYPE insforge.audit_context AS (
  whole_database boolean,
  schemas text[],          -- under audit
  insforge boolean,        -- the database is InsForge's: its gateway drops custom claims
  third_party boolean,     -- users sign in with another provider: ids are strings
  runtime oid[],           -- anon and authenticated, where they exist
  callers oid[],           -- functions that tell who the caller is, in any form
  auth_uid oid,
  tables insforge.audit_table[],
  functions insforge.audit_function[]
);
