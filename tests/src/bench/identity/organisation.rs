use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio_postgres::Client;

use super::Settings;
use super::claims::{Claims, USER};
use crate::bench::fixture::Fixture;
use crate::bench::report::{Report, Table};
use crate::bench::stats::{Figures, Quantiles};
use crate::cluster::Template;

/// Queries in one run.
const QUERIES: usize = 200;
/// Organisations of the caller.
const MINE: i64 = 3;
/// Rows of one organisation.
const ROWS_OF_ONE: i64 = 100;

/// The policy of template `org` on an indexed column: every row of the caller's organisations.
pub(super) async fn measure(settings: &Settings, fixture: &Fixture, report: &mut Report) -> Result<()> {
    let database = fixture.database(Template::InsForgeExtension).await?;
    let client = database.client().await?;
    fill(&client, settings.rows).await?;
    let (mut p50, mut p99) = (Figures::default(), Figures::default());
    for run in 0..settings.common.runs {
        settings.common.quiet().await;
        let mut latencies = Vec::new();
        for _ in 0..QUERIES {
            latencies.push(query(&client).await?);
        }
        let quantiles = Quantiles::of(&latencies);
        p50.push(quantiles.p50);
        p99.push(quantiles.p99);
        settings
            .common
            .progress(&format!("organisation, run {}", run + 1));
    }
    let title = format!("{} rows, index, template org", settings.rows);
    let mut table = Table::new(title, &["p50 ms", "p99 ms"]);
    report.at_most("org policy, indexed, p50", p50.median(), 2.0, " ms");
    table.row(
        format!("{} rows of {MINE} organisations", MINE * ROWS_OF_ONE),
        [p50.into(), p99.into()],
    );
    report.table(table);
    Ok(())
}

async fn fill(client: &Client, rows: i64) -> Result<()> {
    let organisations = rows / ROWS_OF_ONE;
    let create = format!(
        "CREATE TABLE docs (id bigint PRIMARY KEY, org_id text NOT NULL, title text);
         INSERT INTO docs SELECT n, 'org_' || n % {organisations}, 'title ' || n FROM generate_series(1, {rows}) n;
         INSERT INTO insforge.memberships (issuer, user_id, org_id, role)
           SELECT 'https://idp.example', '{USER}', 'org_' || n, 'member' FROM generate_series(1, {MINE}) n;
         INSERT INTO insforge.memberships (issuer, user_id, org_id, role)
           SELECT 'https://idp.example', 'user_' || n, 'org_' || n % {organisations}, 'member'
           FROM generate_series(1, 10000) n;
         SELECT insforge.create_policies('docs', 'org')"
    );
    client.batch_execute(&create).await?;
    client.batch_execute("VACUUM ANALYZE").await?;
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}

/// One query in a transaction as a gateway makes it; the time is the query's alone.
async fn query(client: &Client) -> Result<Duration> {
    let [_, claims, _] = Claims::all();
    client
        .batch_execute("BEGIN; SET LOCAL ROLE authenticated")
        .await?;
    client
        .query(
            "SELECT set_config('request.jwt.claims', $1, true)",
            &[&claims.text],
        )
        .await?;
    let started = Instant::now();
    let rows: i64 = client
        .query_one("SELECT count(title) FROM docs", &[])
        .await?
        .try_get(0)?;
    let took = started.elapsed();
    client.batch_execute("ROLLBACK").await?;
    ensure!(rows == MINE * ROWS_OF_ONE, "{rows} rows are visible");
    Ok(took)
}
