//! What the tests of policies and organisations share.

use std::ops::Deref;

use anyhow::{Result, anyhow, bail};
use insforge_tests::cluster::{Database, Template};
use tokio_postgres::{Client, SimpleQueryMessage};

/// `storage.objects` and its folder function, with InsForge's columns.
const STORAGE: &str = "
  CREATE SCHEMA storage;
  GRANT USAGE ON SCHEMA storage TO authenticated;
  CREATE TABLE storage.objects (bucket text NOT NULL, key text NOT NULL, size integer NOT NULL DEFAULT 0,
    uploaded_by text, uploaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (bucket, key));
  CREATE FUNCTION storage.foldername(name text) RETURNS text[] LANGUAGE sql IMMUTABLE
    AS $$ SELECT (string_to_array(name, '/'))[1:cardinality(string_to_array(name, '/')) - 1] $$;";

/// Everything that `drop_policies` must bring back, as one JSON text.
const SNAPSHOT: &str = "
  CREATE FUNCTION public.snapshot(t regclass) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object(
    'switches', (SELECT jsonb_build_array(relrowsecurity, relforcerowsecurity) FROM pg_class WHERE oid = t),
    'policies', (SELECT jsonb_agg(jsonb_build_array(polname, obj_description(oid, 'pg_policy')) ORDER BY polname)
                 FROM pg_policy WHERE polrelid = t),
    'privileges', (SELECT jsonb_agg(format('%s %s', c.oid::regclass, a) ORDER BY c.oid::regclass::text, a::text)
                   FROM pg_class c, aclexplode(coalesce(relacl, acldefault('r', relowner))) a
                   WHERE c.oid = t OR c.oid IN (SELECT relid FROM pg_partition_tree(t))),
    'columns', (SELECT jsonb_agg(jsonb_build_array(attname, attnotnull, atttypid, attacl::text,
                  pg_get_expr(adbin, adrelid)) ORDER BY attnum)
                FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                WHERE attrelid = t AND attnum > 0),
    'indexes', (SELECT jsonb_agg(pg_get_indexdef(indexrelid) ORDER BY indexrelid) FROM pg_index WHERE indrelid = t),
    'triggers', (SELECT jsonb_agg(pg_get_triggerdef(oid) ORDER BY oid) FROM pg_trigger
                 WHERE tgrelid = t AND NOT tgisinternal),
    'schemas', (SELECT jsonb_agg(format('%s %s', nspname, a) ORDER BY nspname, a::text)
                FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a),
    'sequences', (SELECT jsonb_agg(format('%s %s', c.oid::regclass, a) ORDER BY c.oid::regclass::text, a::text)
                  FROM pg_class c, aclexplode(coalesce(relacl, acldefault('s', relowner))) a WHERE relkind = 'S'),
    'functions', (SELECT jsonb_agg(oid::regprocedure ORDER BY oid) FROM pg_proc
                  WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))) $$;";

/// A database of one test with a superuser's connection to it.
pub(crate) struct Sandbox {
    pub(crate) db: Database,
    session: Session,
}

/// A connection to a database with the extension.
pub(crate) struct Session {
    pub(crate) client: Client,
}

impl Deref for Sandbox {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// How the database refused a statement.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Sandbox {
    /// An InsForge database with the extension, storage included.
    pub(crate) async fn insforge() -> Result<Sandbox> {
        let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
        sandbox.run(STORAGE).await?;
        Ok(sandbox)
    }

    /// Any template.
    pub(crate) async fn of(template: Template) -> Result<Sandbox> {
        let db = Database::create(template).await?;
        let session = Session {
            client: db.client().await?,
        };
        session.run(SNAPSHOT).await?;
        Ok(Sandbox { db, session })
    }
}

impl Session {
    /// Runs statements for their effect.
    pub(crate) async fn run(&self, sql: &str) -> Result<()> {
        self.client
            .batch_execute(sql)
            .await
            .map_err(|e| describe(sql, &e))
    }

    /// Rows of the last query in the text, each value as text, NULL as the empty string.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        let mut rows = Vec::new();
        for message in self
            .client
            .simple_query(sql)
            .await
            .map_err(|e| describe(sql, &e))?
        {
            match message {
                SimpleQueryMessage::Row(row) => {
                    rows.push(
                        (0..row.len())
                            .map(|i| row.get(i).unwrap_or_default().to_owned())
                            .collect(),
                    );
                }
                SimpleQueryMessage::RowDescription(_) => rows.clear(),
                _ => {}
            }
        }
        Ok(rows)
    }

    /// The only value of the last query in the text.
    pub(crate) async fn one(&self, sql: &str) -> Result<String> {
        match self.rows(sql).await?.as_slice() {
            [row] if row.len() == 1 => Ok(row[0].clone()),
            rows => bail!("one value wanted of {sql}, got {rows:?}"),
        }
    }

    /// The refusal of a statement that must be refused.
    pub(crate) async fn refusal(&self, sql: &str) -> Result<Refusal> {
        let Err(error) = self.client.simple_query(sql).await else {
            bail!("not refused: {sql}")
        };
        self.client.batch_execute("ROLLBACK").await?;
        let error = error
            .as_db_error()
            .ok_or_else(|| anyhow!("no answer to {sql}: {error}"))?;
        Ok(Refusal {
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            hint: error.hint().unwrap_or_default().to_owned(),
        })
    }

    /// How many statements `create_policies` ran.
    pub(crate) async fn create(&self, table: &str, template: &str, options: &str) -> Result<usize> {
        let call = format!(
            "SELECT count(ddl) FROM insforge.create_policies({}, {}, {})",
            quote(table),
            quote(template),
            quote(options)
        );
        Ok(self.one(&call).await?.parse()?)
    }

    /// The outcome of one command of one actor.
    pub(crate) async fn outcome(&self, table: &str, actor: &str, command: &str) -> Result<String> {
        let call = format!(
            "SELECT outcome FROM insforge.access_matrix({}) WHERE actor = '{actor}' AND command = '{command}'",
            quote(table)
        );
        self.one(&call).await
    }

    /// What `snapshot` says about a table.
    pub(crate) async fn snapshot(&self, table: &str) -> Result<String> {
        self.one(&format!("SELECT jsonb_pretty(snapshot({}))", quote(table)))
            .await
    }

    /// Runs a query as somebody, in a transaction that is rolled back.
    pub(crate) async fn as_user(&self, user: &str, sql: &str) -> Result<Vec<Vec<String>>> {
        self.run("BEGIN").await?;
        self.run(&format!("SELECT insforge.impersonate({})", quote(user)))
            .await?;
        let rows = self.rows(sql).await;
        self.run("ROLLBACK").await?;
        rows
    }
}

/// A string literal.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn describe(sql: &str, error: &tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(e) => anyhow!(
            "{}: {} {} in {sql}",
            e.code().code(),
            e.message(),
            e.hint().unwrap_or_default()
        ),
        None => anyhow!("{error} in {sql}"),
    }
}
