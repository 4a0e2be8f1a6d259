//! The audit of a large database.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use tokio_postgres::Client;

use super::fixture::{Fixture, settle_down};
use super::options::Common;
use super::report::{Report, Table};
use super::stats::{Figures, warm};
use crate::cluster::Template;

/// Calls in one run.
const CALLS: usize = 4;
/// Tables made in one transaction: Postgres holds a lock on each until it ends.
const AT_ONCE: usize = 100;

/// Options of the bench.
#[derive(Debug, Args)]
pub struct Settings {
    /// What every bench knows.
    #[command(flatten)]
    pub common: Common,
    /// Tables, each with four policies.
    #[arg(long, default_value_t = 2_000)]
    tables: usize,
}

/// Every table of the database.
const TABLE: &str = "CREATE TABLE t_{n} (id bigint PRIMARY KEY, user_id text, org_id text, body text);";

/// What people write who have read a guide in haste.
const HASTY: &str = "
ALTER TABLE t_{n} ENABLE ROW LEVEL SECURITY;
CREATE POLICY a ON t_{n} FOR SELECT USING (user_id = public.requesting_user_id());
CREATE POLICY b ON t_{n} FOR INSERT WITH CHECK (user_id = (auth.jwt() ->> 'sub'));
CREATE POLICY c ON t_{n} FOR UPDATE USING (user_id = public.requesting_user_id());
CREATE POLICY d ON t_{n} FOR DELETE USING (auth.uid()::text = user_id);";

/// Runs the bench.
pub(super) async fn run(settings: &Settings) -> Result<Report> {
    let fixture = Fixture::start()?;
    let mut report = fixture.report("audit").await?;
    let mut table = Table::new(
        format!("{} tables, {} policies", settings.tables, settings.tables * 4),
        &["first call s", "next calls s", "findings"],
    );
    for (kind, hasty) in [("generated policies", false), ("hand-written policies", true)] {
        let database = fixture.database(Template::InsForgeExtension).await?;
        let client = database.client().await?;
        let policies = if hasty {
            HASTY.to_owned()
        } else {
            generated(&client).await?
        };
        fill(&client, settings.tables, &format!("{TABLE}{policies}")).await?;
        let (mut first, mut next, mut findings) = (Figures::default(), Figures::default(), 0);
        for run in 0..settings.common.runs {
            settings.common.quiet().await;
            let client = database.client().await?;
            let mut seconds = Vec::new();
            for _ in 0..CALLS {
                let started = Instant::now();
                findings = client.query("SELECT * FROM insforge.audit()", &[]).await?.len();
                seconds.push(started.elapsed().as_secs_f64());
            }
            first.push(seconds[0]);
            let later = warm(&seconds);
            next.push(later.iter().sum::<f64>() / later.len() as f64);
            settings.common.progress(&format!("{kind}, run {}", run + 1));
        }
        report.at_most(
            format!("audit, {kind}, first call of a connection"),
            first.median(),
            3.0,
            " s",
        );
        table.row(
            kind,
            [first.into(), next.into(), findings.to_string().as_str().into()],
        );
    }
    report.table(table);
    Ok(report)
}

/// What the generator would run for one table, to be run for all: its plan takes longer than its policies.
async fn generated(client: &Client) -> Result<String> {
    client.batch_execute(&TABLE.replace("{n}", "sample")).await?;
    let plan =
        "SELECT ddl FROM insforge.plan_policies('t_sample', 'owner') WHERE ddl IS NOT NULL ORDER BY step";
    let steps = client.query(plan, &[]).await?;
    client.batch_execute("DROP TABLE t_sample").await?;
    let steps = steps
        .iter()
        .map(|step| step.get::<_, String>(0).replace("t_sample", "t_{n}"));
    Ok(steps.collect::<Vec<_>>().join(";\n"))
}

async fn fill(client: &Client, tables: usize, ddl: &str) -> Result<()> {
    for first in (0..tables).step_by(AT_ONCE) {
        let numbers = first..tables.min(first + AT_ONCE);
        let statements: Vec<String> = numbers.map(|n| ddl.replace("{n}", &n.to_string())).collect();
        client.batch_execute(&statements.join(";\n")).await?;
    }
    client.batch_execute("VACUUM ANALYZE").await?;
    settle_down(client).await
}
