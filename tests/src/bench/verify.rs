//! Payments judged per second in one backend.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use insforge_protocol::judge::{Domains, Verdict, judge_json};
use serde_json::Value;
use tokio_postgres::Client;

use super::fixture::{Fixture, settle_down};
use super::node::{self, Node};
use super::options::Common;
use super::payments::{self, Prepared};
use super::report::{Report, Table};
use super::stats::{Figures, warm};
use crate::buyer::unix_now;
use crate::cluster::Template;

/// Turns of each in one run.
const TURNS: usize = 5;

/// Options of the bench.
#[derive(Debug, Args)]
pub struct Settings {
    /// What every bench knows.
    #[command(flatten)]
    pub common: Common,
    /// Signed payments, each judged once in every turn.
    #[arg(long, default_value_t = 2_000)]
    payments: usize,
}

/// Who judges: all in the same run, each with one thread.
#[derive(Default)]
struct Found {
    scan: Figures,
    calls: Figures,
    crate_alone: Figures,
    viem: Figures,
}

/// Runs the bench.
pub(super) async fn run(settings: &Settings) -> Result<Report> {
    let fixture = Fixture::start()?;
    let mut report = fixture.report("verify").await?;
    let signed = payments::sign(settings.payments)?;
    let database = fixture.database(Template::Extension).await?;
    let client = database.client().await?;
    stage(&client, &signed).await?;
    settle_down(&client).await?;
    let node = node::version().await?;
    let file = lines(&database.name, &signed)?;
    let mut viem = match &node {
        Some(_) => Some(Node::start("verify.mjs", &file.to_string_lossy(), &[]).await?),
        None => None,
    };
    let mut found = Found::default();
    for run in 0..settings.common.runs {
        settings.common.quiet().await;
        one_run(&client, &signed, viem.as_mut(), &mut found).await?;
        settings.common.progress(&format!("run {}", run + 1));
    }
    std::fs::remove_file(&file).context("removing the payments' file")?;
    describe(&mut report, &found, node.as_deref());
    Ok(report)
}

fn describe(report: &mut Report, found: &Found, node: Option<&str>) {
    let mut table = Table::new("judged by", &["payments/s", "× viem"]);
    let ours = [
        ("x402.verify, one statement over all", &found.scan),
        ("x402.verify, one statement for each", &found.calls),
        ("the protocol crate alone", &found.crate_alone),
    ];
    for (label, figures) in ours {
        let ratio = figures.paired(&found.viem, |ours, viem| ours / viem);
        table.row(label, [figures.clone().into(), ratio.into()]);
    }
    match node {
        Some(version) => table.row(
            format!("viem 2.56.5, Node {version}"),
            [found.viem.clone().into()],
        ),
        None => report.note("Node is not installed: viem was left out."),
    }
    report.table(table);
    report.at_least(
        "x402.verify per second in one backend",
        found.scan.median(),
        8_000.0,
        "/s",
    );
    report.note("One thread each, every payment with a signature of its own. x402.verify and the crate also judge scheme, payee, amount, window and domain; viem only the signature.");
}

async fn stage(client: &Client, signed: &[Prepared]) -> Result<()> {
    client
        .batch_execute(
            "CREATE TABLE signed (at integer, payment jsonb NOT NULL, requirements jsonb NOT NULL)",
        )
        .await?;
    let insert = "INSERT INTO signed SELECT t.n, t.p::jsonb, t.r::jsonb
                  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (p, r, n)";
    let payments: Vec<&str> = signed.iter().map(|s| s.payment.as_str()).collect();
    let requirements: Vec<&str> = signed.iter().map(|s| s.requirements.as_str()).collect();
    client.execute(insert, &[&payments, &requirements]).await?;
    client.batch_execute("VACUUM ANALYZE signed").await?;
    Ok(())
}

fn lines(name: &str, signed: &[Prepared]) -> Result<std::path::PathBuf> {
    let path = std::env::temp_dir().join(format!("insforge-{}-{name}.jsonl", std::process::id()));
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    for prepared in signed {
        writeln!(file, "{}", prepared.payment)?;
    }
    file.flush()?;
    Ok(path)
}

async fn one_run(
    client: &Client,
    signed: &[Prepared],
    mut viem: Option<&mut Node>,
    found: &mut Found,
) -> Result<()> {
    let mut seconds = [const { Vec::new() }; 4];
    for _ in 0..TURNS {
        seconds[0].push(scan(client, signed.len()).await?);
        seconds[1].push(calls(client, signed).await?);
        seconds[2].push(alone(signed)?);
        if let Some(viem) = viem.as_deref_mut() {
            let ms: f64 = viem.ask("go").await?.parse().context("milliseconds from viem")?;
            seconds[3].push(ms / 1e3);
        }
    }
    let rate =
        |seconds: &[f64]| (signed.len() * warm(seconds).len()) as f64 / warm(seconds).iter().sum::<f64>();
    found.scan.push(rate(&seconds[0]));
    found.calls.push(rate(&seconds[1]));
    found.crate_alone.push(rate(&seconds[2]));
    if viem.is_some() {
        found.viem.push(rate(&seconds[3]));
    }
    Ok(())
}

/// One statement over all payments: the function, and next to nothing around it.
async fn scan(client: &Client, count: usize) -> Result<f64> {
    let sql = "SELECT count(*) FROM signed s, x402.verify(s.payment, s.requirements, now()) v
               WHERE v.verdict = 'valid'";
    let started = Instant::now();
    let valid: i64 = client.query_one(sql, &[]).await?.try_get(0)?;
    let took = started.elapsed().as_secs_f64();
    ensure!(
        valid.unsigned_abs() == count as u64,
        "{valid} of {count} payments are valid"
    );
    Ok(took)
}

/// One statement and one round trip for each.
async fn calls(client: &Client, signed: &[Prepared]) -> Result<f64> {
    let sql = "SELECT verdict FROM x402.verify($1::text::jsonb, $2::text::jsonb, now())";
    let statement = client.prepare(sql).await?;
    let started = Instant::now();
    for prepared in signed {
        client
            .query_one(&statement, &[&prepared.payment, &prepared.requirements])
            .await?;
    }
    Ok(started.elapsed().as_secs_f64())
}

/// Without a database: what the function itself cannot be faster than.
fn alone(signed: &[Prepared]) -> Result<f64> {
    let now = unix_now();
    let started = Instant::now();
    for prepared in signed {
        let payment: Value = serde_json::from_str(&prepared.payment)?;
        let requirements: Value = serde_json::from_str(&prepared.requirements)?;
        let judged = judge_json(&payment, &requirements, Domains::Vouched(&[]), now);
        ensure!(judged.verdict == Verdict::Valid, "{:?}", judged.verdict);
    }
    Ok(started.elapsed().as_secs_f64())
}
