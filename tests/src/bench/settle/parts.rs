use std::time::Duration;

use anyhow::Result;

use super::Settings;
use super::contender::Contender;
use super::drain::{Drained, drain};
use super::target::Target;
use crate::bench::fixture::Fixture;
use crate::bench::node;
use crate::bench::payments;
use crate::bench::report::{Cell, Report, Table};
use crate::bench::stats::Figures;

/// The small backlog that the large one is compared with.
const SMALL: usize = 10_000;
/// Payments in flight and in one statement by the sidecar's default settings, and the largest batch allowed.
const DEFAULT: usize = 64;
const BATCH: usize = 100;
const LARGE_BATCH: usize = 1_000;
/// A call that takes longer than it takes to begin 5,000.
const FULL: Duration = Duration::from_secs(5);

const COST: [&str; 7] = [
    "settled/s",
    "with start/s",
    "commits each",
    "WAL bytes each",
    "worker CPU µs",
    "Postgres CPU µs",
    "facilitator CPU µs",
];

/// The runs of one contender under one condition.
struct Line {
    label: String,
    contender: Contender,
    found: Vec<Drained>,
}

impl Line {
    fn new(contender: Contender) -> Line {
        Line {
            label: contender.label(),
            contender,
            found: Vec::new(),
        }
    }

    fn figures(&self, read: impl Fn(&Drained) -> f64) -> Figures {
        self.found.iter().map(read).collect()
    }

    fn rate(&self) -> Figures {
        self.figures(|d| d.rate)
    }

    fn cost(&self) -> [Cell; 7] {
        [
            self.rate(),
            self.figures(|d| d.with_start),
            self.figures(|d| d.cost.commits),
            self.figures(|d| d.cost.wal_bytes),
            self.figures(|d| d.cost.worker),
            self.figures(|d| d.cost.postgres),
            self.figures(|d| d.cost.facilitator),
        ]
        .map(Cell::from)
    }
}

/// How long the facilitator takes, how many payments wait, and who settles them how.
struct Condition {
    delay: Duration,
    payments: usize,
    /// Calls in flight of the sidecars, the one that is compared with others first.
    sidecars: Vec<usize>,
    /// Calls in flight of graphile-worker.
    peers: usize,
}

/// A sidecar that claims as many at once as it may start.
fn sidecar(concurrency: usize) -> Contender {
    Contender::Sidecar {
        concurrency,
        batch: concurrency.clamp(BATCH, LARGE_BATCH),
    }
}

/// Settled per second beside graphile-worker, at three speeds of the facilitator.
pub(super) async fn rate(settings: &Settings, fixture: &Fixture, report: &mut Report) -> Result<()> {
    let with_peer = node::version().await?.is_some();
    if !with_peer {
        report.note("Node is not installed: graphile-worker was left out.");
    }
    let condition = |ms, payments, sidecars: &[usize], peers| Condition {
        delay: Duration::from_millis(ms),
        payments,
        sidecars: sidecars.to_vec(),
        peers,
    };
    let all = [
        condition(0, settings.payments, &[500, DEFAULT], DEFAULT),
        condition(50, settings.payments, &[500], 500),
        condition(1_000, settings.payments.min(10_000), &[2_000], 2_000),
    ];
    for condition in &all {
        at_speed(settings, fixture, report, condition, with_peer).await?;
    }
    strict(settings, fixture, report).await?;
    report.note("Settled/s counts rows by the time of the commit that settled them, after the first tenth; with start/s counts from the start of the process to the last row. The facilitator of these tables answers yes and judges nothing; its time is this program's own.");
    report.note("The sidecar verifies each signature, commits an intent before each call, fences, and keeps events. graphile-worker makes the same call and one insert; batched: local queue of 500 and completion in batches.");
    Ok(())
}

async fn at_speed(
    settings: &Settings,
    fixture: &Fixture,
    report: &mut Report,
    condition: &Condition,
    with_peer: bool,
) -> Result<()> {
    let mut lines: Vec<Line> = condition
        .sidecars
        .iter()
        .map(|&n| Line::new(sidecar(n)))
        .collect();
    if with_peer {
        let concurrency = condition.peers;
        let peers = [false, true].map(|batched| Contender::Graphile { concurrency, batched });
        lines.extend(peers.map(Line::new));
    }
    let signed = payments::sign(condition.payments)?;
    for run in 0..settings.common.runs {
        for turn in 0..lines.len() {
            let at = (turn + run) % lines.len();
            let line = &mut lines[at];
            let target = Target::fast(condition.delay).await?;
            line.found
                .push(drain(fixture, &settings.common, line.contender, &target, &signed, 0).await?);
            settings
                .common
                .progress(&format!("{:?}, {}, run {}", condition.delay, line.label, run + 1));
        }
    }
    let title = format!(
        "{:?} facilitator, {} payments waiting",
        condition.delay, condition.payments
    );
    let mut table = Table::new(title, &[&COST[..], &["ours is × faster"]].concat());
    for line in &lines {
        let ratio = lines[0].rate().paired(&line.rate(), |ours, theirs| ours / theirs);
        table.row(line.label.clone(), line.cost().into_iter().chain([ratio.into()]));
    }
    report.table(table);
    if condition.delay.is_zero() {
        report.at_least(
            "settled per second, facilitator at 0 ms",
            lines[0].rate().median(),
            3_000.0,
            "/s",
        );
    }
    for line in &lines[condition.sidecars.len()..] {
        let ratio = lines[0]
            .rate()
            .paired(&line.rate(), |ours, theirs| ours / theirs)
            .median();
        report.at_least(
            format!("{:?}: sidecar ÷ {}", condition.delay, line.label),
            ratio,
            1.0,
            "",
        );
    }
    Ok(())
}

/// The same against the stand-in of the tests, which verifies everything and so takes its share of the cores.
async fn strict(settings: &Settings, fixture: &Fixture, report: &mut Report) -> Result<()> {
    let mut line = Line::new(sidecar(DEFAULT));
    let signed = payments::sign(settings.payments / 2)?;
    for run in 0..settings.common.runs {
        let target = Target::strict().await?;
        line.found
            .push(drain(fixture, &settings.common, line.contender, &target, &signed, 0).await?);
        settings
            .common
            .progress(&format!("strict stand-in, run {}", run + 1));
    }
    let mut table = Table::new("strict stand-in, which verifies as OKX does", &COST);
    table.row(line.label.clone(), line.cost());
    report.table(table);
    Ok(())
}

/// 5,000 slots, with short calls and with calls long enough to fill them.
pub(super) async fn in_flight(settings: &Settings, fixture: &Fixture, report: &mut Report) -> Result<()> {
    let signed = payments::sign(settings.payments.max(20_000))?;
    let columns = [
        "settled/s",
        "most calls open",
        "HTTP connections",
        "database connections",
        "memory MB",
    ];
    let mut table = Table::new("5,000 slots", &columns);
    // Calls of 200 ms are answered as fast as they are made, long before 5,000 are open; long ones are not.
    for (delay, label) in [(Duration::from_millis(200), "200 ms"), (FULL, "5 s")] {
        let mut line = Line::new(sidecar(5_000));
        let (mut open, mut connections) = (Figures::default(), Figures::default());
        for run in 0..settings.common.runs {
            let target = Target::fast(delay).await?;
            line.found
                .push(drain(fixture, &settings.common, line.contender, &target, &signed, 0).await?);
            if let Target::Fast(facilitator) = &target {
                open.push(facilitator.most_in_flight() as f64);
                connections.push(facilitator.most_connections() as f64);
            }
            settings
                .common
                .progress(&format!("5,000 slots, {label}, run {}", run + 1));
        }
        let database = line.figures(|d| d.database_connections as f64);
        let memory = line.figures(|d| d.memory);
        if delay == FULL {
            report.at_least("calls open at once", open.median(), 4_900.0, "");
        }
        report.at_most(
            format!("memory with 5,000 slots, calls of {label}"),
            memory.median(),
            150.0,
            " MB",
        );
        report.at_most(
            format!("database connections with 5,000 slots, calls of {label}"),
            database.median(),
            10.0,
            "",
        );
        table.row(
            format!("facilitator at {label}"),
            [line.rate(), open, connections, database, memory].map(Cell::from),
        );
    }
    report.table(table);
    Ok(())
}

/// A large backlog beside a small one.
pub(super) async fn backlog(settings: &Settings, fixture: &Fixture, report: &mut Report) -> Result<()> {
    let contender = sidecar(DEFAULT);
    let signed = payments::sign(SMALL)?;
    let backlogs = [0, settings.pending.saturating_sub(SMALL)];
    let mut lines = backlogs.map(|behind| Line {
        label: format!("{} payments waiting", SMALL + behind),
        ..Line::new(contender)
    });
    for run in 0..settings.common.runs {
        for (line, behind) in lines.iter_mut().zip(backlogs) {
            let target = Target::fast(Duration::ZERO).await?;
            line.found
                .push(drain(fixture, &settings.common, contender, &target, &signed, behind).await?);
            settings
                .common
                .progress(&format!("{}, run {}", line.label, run + 1));
        }
    }
    let mut table = Table::new("0 ms facilitator, sidecar, 64 in flight", &COST);
    for line in &lines {
        table.row(line.label.clone(), line.cost());
    }
    report.table(table);
    let slower = lines[1]
        .rate()
        .paired(&lines[0].rate(), |large, small| (1.0 - large / small) * 100.0);
    report.at_most(
        "a large backlog drains slower than a small one by",
        slower.median(),
        20.0,
        " %",
    );
    Ok(())
}
