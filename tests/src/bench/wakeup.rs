//! From the commit of a payment to the request that settles it, on an idle machine.

use std::time::{Duration, Instant};

use alloy_primitives::B256;
use anyhow::{Context, Result};
use clap::Args;
use tokio::sync::mpsc;
use tokio_postgres::Client;

use super::fixture::{Disk, Fixture};
use super::node;
use super::options::Common;
use super::payments::{self, Prepared};
use super::report::{Report, Table};
use super::settle::Peer;
use super::stats::{Figures, Quantiles};
use crate::cluster::Template;
use crate::sidecar::Plan;
use crate::standin::StandIn;

/// Longest wait for one request.
const LOST: Duration = Duration::from_secs(10);

/// Options of the bench.
#[derive(Debug, Args)]
pub struct Settings {
    /// What every bench knows.
    #[command(flatten)]
    pub common: Common,
    /// Payments in one run, one after the other.
    #[arg(long, default_value_t = 500)]
    rounds: usize,
    /// How long commits wait for the disk.
    #[arg(long, value_enum, default_value_t)]
    disk: Disk,
}

/// Latencies of one who is woken, in milliseconds.
#[derive(Default)]
struct Found {
    p50: Figures,
    p95: Figures,
    p99: Figures,
    max: Figures,
}

impl Found {
    fn push(&mut self, latencies: &[Duration]) {
        let quantiles = Quantiles::of(latencies);
        self.p50.push(quantiles.p50);
        self.p95.push(quantiles.p95);
        self.p99.push(quantiles.p99);
        self.max.push(quantiles.max);
    }
}

/// Runs the bench.
pub(super) async fn run(settings: &Settings) -> Result<Report> {
    let fixture = Fixture::on(settings.disk)?;
    let mut report = fixture.report("wakeup").await?;
    let standin = StandIn::start().await?;
    let mut seen = follow(&standin);
    let database = fixture.database(Template::Extension).await?;
    let sidecar = Plan::settling(&database.sidecar_url(), &standin)?.start().await?;
    let theirs = fixture.database(Template::Empty).await?;
    let peer = match node::version().await? {
        Some(_) => Some(Peer::start(&theirs, &standin.url(), standin.credentials(), 24, false).await?),
        None => None,
    };
    let (client, their_client) = (database.client().await?, theirs.client().await?);
    let (mut sent, mut acknowledged, mut graphile) = (Found::default(), Found::default(), Found::default());
    for run in 0..settings.common.runs {
        settings.common.quiet().await;
        let rounds = one_run(settings, &client, peer.as_ref().map(|_| &their_client), &mut seen).await?;
        sent.push(&rounds.sent);
        acknowledged.push(&rounds.acknowledged);
        if peer.is_some() {
            graphile.push(&rounds.graphile);
        }
        standin.calls().clear();
        settings.common.progress(&format!("run {}", run + 1));
    }
    drop(sidecar);
    describe(
        &mut report,
        settings,
        sent,
        acknowledged,
        peer.is_some().then_some(graphile),
    );
    Ok(report)
}

fn describe(
    report: &mut Report,
    settings: &Settings,
    sent: Found,
    acknowledged: Found,
    graphile: Option<Found>,
) {
    report.at_most("p50, COMMIT sent to /settle seen", sent.p50.median(), 2.0, " ms");
    report.at_most("p99, COMMIT sent to /settle seen", sent.p99.median(), 10.0, " ms");
    let title = format!("{} payments a run, ms until /settle is seen", settings.rounds);
    let mut table = Table::new(title, &["p50", "p95", "p99", "max"]);
    let rows = [
        ("sidecar, from COMMIT sent", Some(sent)),
        ("sidecar, from COMMIT answered", Some(acknowledged)),
        ("graphile-worker 0.18.0, from add_job sent", graphile),
    ];
    for (label, found) in rows {
        match found {
            Some(found) => table.row(
                label,
                [found.p50, found.p95, found.p99, found.max].map(Into::into),
            ),
            None => report.note("Node is not installed: graphile-worker was left out."),
        }
    }
    report.table(table);
    report.note("One sidecar with its default settings. Before /settle is called it hears the bell, claims, verifies the signature and commits the intent. Payments come 60 to 100 ms apart.");
}

#[derive(Default)]
struct Rounds {
    sent: Vec<Duration>,
    acknowledged: Vec<Duration>,
    graphile: Vec<Duration>,
}

async fn one_run(
    settings: &Settings,
    client: &Client,
    theirs: Option<&Client>,
    seen: &mut Seen,
) -> Result<Rounds> {
    let signed = payments::sign(settings.rounds * 2)?;
    let mut rounds = Rounds::default();
    for pair in signed.chunks_exact(2) {
        pause().await;
        let (sent, answered) = submit(client, &pair[0]).await?;
        let at = seen.wait(&pair[0].nonce).await?;
        rounds.sent.push(at.duration_since(sent));
        rounds.acknowledged.push(at.saturating_duration_since(answered));
        if let Some(theirs) = theirs {
            pause().await;
            let sent = Instant::now();
            Peer::add(theirs, &pair[1]).await?;
            rounds
                .graphile
                .push(seen.wait(&pair[1].nonce).await?.duration_since(sent));
        }
    }
    Ok(rounds)
}

/// No multiple of anybody's interval, and long enough for the outcome to be written and the second look
/// after a ring to be over.
async fn pause() {
    tokio::time::sleep(Duration::from_micros(60_000 + rand::random_range(0..40_000))).await;
}

/// When COMMIT was sent and when it was answered.
async fn submit(client: &Client, prepared: &Prepared) -> Result<(Instant, Instant)> {
    client.batch_execute("BEGIN").await?;
    let sql = "SELECT x402.submit($1::text::jsonb, $2::text::jsonb, $3)";
    client
        .query_one(
            sql,
            &[&prepared.payment, &prepared.requirements, &prepared.resource],
        )
        .await?;
    let sent = Instant::now();
    client.batch_execute("COMMIT").await?;
    Ok((sent, Instant::now()))
}

/// Calls of `/settle` as they come in.
struct Seen(mpsc::UnboundedReceiver<(B256, Instant)>);

fn follow(standin: &StandIn) -> Seen {
    let (sender, receiver) = mpsc::unbounded_channel();
    standin.on_settle(move |seen| {
        // Taken before the stand-in judges anything: only the request has been read by now.
        let _ = sender.send((seen.nonce, Instant::now()));
        std::future::ready(())
    });
    Seen(receiver)
}

impl Seen {
    async fn wait(&mut self, nonce: &str) -> Result<Instant> {
        let found = async {
            while let Some((seen, at)) = self.0.recv().await {
                if format!("{seen:#x}") == nonce {
                    return Some(at);
                }
            }
            None
        };
        let found = tokio::time::timeout(LOST, found).await;
        found
            .ok()
            .flatten()
            .with_context(|| format!("no /settle within {LOST:?}"))
    }
}
