use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::clients::{Served, many, paid};
use super::{SLOW, SLOW_CLIENTS, Settings, Stage};
use crate::bench::payments;
use crate::bench::report::{Report, Table};
use crate::bench::settle::{seconds, server_seconds};
use crate::bench::stats::Figures;

/// The runs of one seller.
#[derive(Default)]
struct Line {
    rate: Figures,
    p50: Figures,
    p99: Figures,
    /// Microseconds of processor time for a request: the seller's own process, and Postgres.
    own: Figures,
    postgres: Figures,
}

impl Line {
    fn push(&mut self, served: &Served, spent: (f64, f64)) {
        self.rate.push(served.rate);
        self.p50.push(served.latency.p50);
        self.p99.push(served.latency.p99);
        self.own.push(spent.0);
        self.postgres.push(spent.1);
    }
}

/// Who sells, and its process.
struct Seller {
    address: SocketAddr,
    pid: Option<u32>,
}

/// Paid requests per second of the gateway and of `@x402/express`, at two speeds of the facilitator.
pub(super) async fn measure(
    settings: &Settings,
    stage: &Stage,
    node: Option<&str>,
    report: &mut Report,
) -> Result<()> {
    let ours = Seller {
        address: stage.gateway,
        pid: Some(stage.sidecar.process().pid()),
    };
    let theirs = stage.express.as_ref().map(|(node, address)| Seller {
        address: *address,
        pid: node.pid(),
    });
    let sellers: Vec<Seller> = std::iter::once(ours).chain(theirs).collect();
    for (delay, clients) in [
        (Duration::ZERO, settings.clients),
        (SLOW, settings.clients * SLOW_CLIENTS),
    ] {
        stage.facilitator.take(delay);
        let mut lines: Vec<Line> = sellers.iter().map(|_| Line::default()).collect();
        for run in 0..settings.common.runs {
            settings.common.quiet().await;
            let signed = payments::sign(settings.payments)?;
            let requests = Arc::new(signed.iter().map(paid).collect::<Result<Vec<_>>>()?);
            for turn in 0..sellers.len() {
                let at = (turn + run) % sellers.len();
                let spent = || {
                    let own = sellers[at].pid.and_then(seconds);
                    let both = own.zip(server_seconds(stage.database.server()));
                    both.context("processor times cannot be read")
                };
                let before = spent()?;
                let served = many(sellers[at].address, clients, requests.clone()).await?;
                let (own, postgres) = spent()?;
                let each = 1e6 / settings.payments as f64;
                lines[at].push(&served, ((own - before.0) * each, (postgres - before.1) * each));
            }
            settings
                .common
                .progress(&format!("{delay:?} facilitator, run {}", run + 1));
        }
        describe(report, delay, clients, &lines, node);
    }
    report.note("express: the middleware as its documentation shows it, /verify before and /settle after the handler, both at the same facilitator, /verify at once and /settle after the time named; the handler is in its process, it keeps nothing. Ours: signature judged twice (gateway, ledger), three commits, shared by those who come together, of which those of the intent and of the outcome are durable; the endpoint is behind HTTP. Clients, facilitator and endpoint are in the bench's own process, on the same machine.");
    Ok(())
}

fn describe(report: &mut Report, delay: Duration, clients: usize, lines: &[Line], node: Option<&str>) {
    let title = format!("{delay:?} facilitator, {clients} clients");
    let mut table = Table::new(
        title,
        &[
            "paid/s",
            "p50 ms",
            "p99 ms",
            "own CPU µs",
            "Postgres µs",
            "ours is × faster",
        ],
    );
    let version = node.unwrap_or_default();
    let labels = [
        "gateway".to_owned(),
        format!("@x402/express 2.25.0, Node {version}"),
    ];
    for (label, line) in labels.into_iter().zip(lines) {
        let ratio = lines[0].rate.paired(&line.rate, |ours, theirs| ours / theirs);
        let Line {
            rate,
            p50,
            p99,
            own,
            postgres,
        } = line;
        let figures = [rate, p50, p99, own, postgres, &ratio].map(Clone::clone);
        table.row(label, figures.map(Into::into));
    }
    report.table(table);
    match lines {
        [ours, theirs] if delay.is_zero() => {
            let ratio = ours.rate.paired(&theirs.rate, |ours, theirs| ours / theirs);
            report.at_least(
                "paid requests per second ÷ those of @x402/express",
                ratio.median(),
                3.0,
                "",
            );
        }
        [_] => report.note("Node is not installed: @x402/express was left out."),
        _ => {}
    }
}
