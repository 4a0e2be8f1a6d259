//! What row-level security costs per row, by the way the caller's identity is asked for.

mod claims;
mod organisation;
mod table;

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio_postgres::Client;

use super::fixture::Fixture;
use super::options::Common;
use super::report::{Cell, Report, Table};
use super::stats::{Figures, warm};
use crate::cluster::Template;
use claims::Claims;

/// Options of the bench.
#[derive(Debug, Args)]
pub struct Settings {
    /// What every bench knows.
    #[command(flatten)]
    pub common: Common,
    /// Rows of the table.
    #[arg(long, default_value_t = 1_000_000)]
    rows: i64,
}

/// A way for a policy to know the caller, and what is known of it in advance.
#[derive(Debug, Clone)]
struct Variant {
    label: &'static str,
    table: &'static str,
    /// `{id}` stands for the id itself.
    condition: String,
    /// Slow ones are asked once a run, the others several times.
    samples: usize,
    /// Whether each row costs a call: then the length of the claims may matter.
    ours: bool,
}

/// Samples of the fast ones, the first of which is dropped.
const FAST: usize = 8;

/// Milliseconds of each variant.
struct Found {
    parallel: bool,
    claims: Claims,
    by_variant: Vec<Figures>,
}

/// Runs the bench.
pub(super) async fn run(settings: &Settings) -> Result<Report> {
    let fixture = Fixture::start()?;
    let mut report = fixture.report("identity").await?;
    let database = fixture.database(Template::InsForgeExtension).await?;
    let client = database.client().await?;
    let written = table::fill(&client, settings.rows).await?;
    let variants = variants(&written);
    for parallel in [false, true] {
        let mut all = Vec::new();
        for claims in Claims::all() {
            let mut found = Found {
                parallel,
                claims,
                by_variant: vec![Figures::default(); variants.len()],
            };
            for run in 0..settings.common.runs {
                settings.common.quiet().await;
                one_run(&client, &variants, &mut found, run).await?;
                let mode = if parallel { "parallel" } else { "one process" };
                settings.common.progress(&format!(
                    "{mode}, claims of {}, run {}",
                    found.claims.name,
                    run + 1
                ));
            }
            all.push(found);
        }
        describe(&mut report, settings, &variants, &all);
        if parallel {
            plans(&client, &variants, &mut report).await?;
        }
    }
    organisation::measure(settings, &fixture, &mut report).await?;
    Ok(report)
}

fn variants(written: &str) -> Vec<Variant> {
    let variant = |label, condition: &str, samples, ours| Variant {
        label,
        table: "notes",
        condition: condition.to_owned(),
        samples,
        ours,
    };
    vec![
        variant("constant", "user_id = '{id}'", FAST, false),
        variant(
            "ours, unwrapped",
            "user_id = insforge.requesting_user_id()",
            FAST,
            true,
        ),
        variant("ours, as generated", written, FAST, true),
        variant("guide's SQL function", "user_id = guide_user_id()", 1, false),
        variant(
            "guide's SQL function, wrapped",
            "user_id = (select guide_user_id())",
            2,
            false,
        ),
        variant("plpgsql function", "user_id = plpgsql_user_id()", 1, false),
        Variant {
            table: "notes_by_uuid",
            ..variant("auth.uid()", "user_id = auth.uid()", 1, false)
        },
    ]
}

async fn one_run(client: &Client, variants: &[Variant], found: &mut Found, run: usize) -> Result<()> {
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); variants.len()];
    for turn in 0..FAST {
        for step in 0..variants.len() {
            let at = (step + turn + run) % variants.len();
            if turn < variants[at].samples {
                samples[at].push(sample(client, &variants[at], found).await?);
            }
        }
    }
    for (figures, samples) in found.by_variant.iter_mut().zip(&samples) {
        let kept = if samples.len() > 1 { warm(samples) } else { samples };
        figures.push(kept.iter().copied().collect::<Figures>().median());
    }
    Ok(())
}

/// Milliseconds of one count, in a transaction as a gateway makes it: role and claims, then the query.
async fn sample(client: &Client, variant: &Variant, found: &Found) -> Result<f64> {
    let Variant { table, condition, .. } = variant;
    let condition = condition.replace("{id}", claims::USER);
    let policy = format!("ALTER POLICY measured ON {table} USING ({condition})");
    client
        .batch_execute(&policy)
        .await
        .with_context(|| policy.clone())?;
    client.batch_execute(&prologue(found.parallel)).await?;
    client
        .query(
            "SELECT set_config('request.jwt.claims', $1, true)",
            &[&found.claims.text],
        )
        .await?;
    let counted = format!("SELECT count(*) FROM {table}");
    let started = Instant::now();
    let rows: i64 = client.query_one(&counted, &[]).await?.try_get(0)?;
    let took = started.elapsed();
    client.batch_execute("ROLLBACK").await?;
    ensure!(
        rows == table::ROWS_OF_USER,
        "{}: {rows} rows are visible",
        variant.label
    );
    Ok(took.as_secs_f64() * 1e3)
}

fn prologue(parallel: bool) -> String {
    let workers = if parallel { 2 } else { 0 };
    format!("BEGIN; SET LOCAL max_parallel_workers_per_gather = {workers}; SET LOCAL ROLE authenticated")
}

fn describe(report: &mut Report, settings: &Settings, variants: &[Variant], all: &[Found]) {
    for found in all {
        let mode = if found.parallel {
            "2 parallel workers"
        } else {
            "one process"
        };
        let title = format!(
            "{} rows, no index, claims of {}, {mode}",
            settings.rows, found.claims.name
        );
        let mut table = Table::new(title, &["ms", "× constant", "ours unwrapped is × faster"]);
        let (constant, ours) = (&found.by_variant[0], &found.by_variant[1]);
        for (variant, ms) in variants.iter().zip(&found.by_variant) {
            let to_constant = ms.paired(constant, |ms, constant| ms / constant);
            let to_ours = ms.paired(ours, |ms, ours| ms / ours);
            table.row(
                variant.label,
                [ms.clone().into(), to_constant.into(), to_ours.into()],
            );
        }
        report.table(table);
        judge(report, found, mode);
    }
}

fn judge(report: &mut Report, found: &Found, mode: &str) {
    let to = |variant: usize, reference: usize| {
        found.by_variant[variant]
            .paired(&found.by_variant[reference], |a, b| a / b)
            .median()
    };
    let name = found.claims.name;
    report.at_most(format!("unwrapped ÷ constant, {name}, {mode}"), to(1, 0), 2.0, "");
    report.at_most(
        format!("as generated ÷ constant, {name}, {mode}"),
        to(2, 0),
        1.05,
        "",
    );
    if let Some(least) = found.claims.least_gain {
        for (ours, variant) in [("ours as generated", 2), ("ours unwrapped", 1)] {
            report.at_least(
                format!("guide's function unwrapped ÷ {ours}, {name}, {mode}"),
                to(3, variant),
                least,
                "",
            );
        }
    }
}

/// Whether Postgres runs ours in parallel, which it does only for functions that are marked safe.
async fn plans(client: &Client, variants: &[Variant], report: &mut Report) -> Result<()> {
    let mut table = Table::new("plan with parallel workers allowed", &["parallel"]);
    for variant in variants {
        let Variant {
            table: name,
            condition,
            ..
        } = variant;
        let condition = condition.replace("{id}", claims::USER);
        client
            .batch_execute(&format!("ALTER POLICY measured ON {name} USING ({condition})"))
            .await?;
        client.batch_execute(&prologue(true)).await?;
        let [_, usual, _] = Claims::all();
        client
            .query(
                "SELECT set_config('request.jwt.claims', $1, true)",
                &[&usual.text],
            )
            .await?;
        let lines = client
            .query(&format!("EXPLAIN SELECT count(*) FROM {name}"), &[])
            .await?;
        client.batch_execute("ROLLBACK").await?;
        let parallel = lines.iter().any(|line| line.get::<_, &str>(0).contains("Gather"));
        table.row(variant.label, [Cell::from(if parallel { "yes" } else { "no" })]);
        if variant.ours {
            report.at_least(
                format!("parallel plan, {} (1 is yes)", variant.label),
                f64::from(u8::from(parallel)),
                1.0,
                "",
            );
        }
    }
    report.table(table);
    Ok(())
}
