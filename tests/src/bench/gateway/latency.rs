use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use super::clients::{UNPAID, one_by_one, paid, settle};
use super::{SLOW, Settings, Stage};
use crate::bench::payments;
use crate::bench::report::{Report, Table};
use crate::bench::stats::{Figures, Quantiles};

/// Latencies of one kind of request, in milliseconds.
#[derive(Default)]
struct Found {
    p50: Figures,
    p95: Figures,
    p99: Figures,
}

impl Found {
    fn push(&mut self, latencies: &[Duration]) {
        let quantiles = Quantiles::of(latencies);
        self.p50.push(quantiles.p50);
        self.p95.push(quantiles.p95);
        self.p99.push(quantiles.p99);
    }

    fn row(self, table: &mut Table, label: &str) {
        table.row(label, [self.p50, self.p95, self.p99].map(Into::into));
    }
}

/// A paid request, beside what the facilitator takes of it.
#[derive(Default)]
struct Bought {
    settle: Found,
    paid: Found,
}

/// One client at a time: what the gateway adds.
pub(super) async fn measure(settings: &Settings, stage: &Stage, report: &mut Report) -> Result<()> {
    let (mut direct, mut unpaid) = (Found::default(), Found::default());
    let (mut fast, mut slow) = (Bought::default(), Bought::default());
    for run in 0..settings.common.runs {
        settings.common.quiet().await;
        // The gateway first in every second run.
        let [first, second] = if run % 2 == 0 {
            [true, false]
        } else {
            [false, true]
        };
        for straight in [first, second] {
            let (found, address, status) = if straight {
                (&mut direct, stage.upstream.address, 200)
            } else {
                (&mut unpaid, stage.gateway, 402)
            };
            let requests = std::iter::repeat_n(UNPAID, settings.rounds * 10);
            found.push(&one_by_one(address, requests, status).await?);
        }
        stage.facilitator.take(Duration::ZERO);
        buy(settings.rounds, stage, stage.gateway, &mut fast).await?;
        stage.facilitator.take(SLOW);
        buy(settings.rounds / 3, stage, stage.gateway, &mut slow).await?;
        settings.common.progress(&format!("latency, run {}", run + 1));
    }
    describe(report, [direct, unpaid], [fast, slow]);
    Ok(())
}

/// The facilitator asked as a middleware asks it, then the gateway.
async fn buy(rounds: usize, stage: &Stage, gateway: SocketAddr, found: &mut Bought) -> Result<()> {
    let signed = payments::sign(rounds)?;
    let asked: Vec<Vec<u8>> = signed.iter().map(settle).collect();
    let latencies = one_by_one(stage.facilitator.address(), asked.iter().map(Vec::as_slice), 200).await?;
    found.settle.push(&latencies);
    let asked = signed.iter().map(paid).collect::<Result<Vec<_>>>()?;
    let latencies = one_by_one(gateway, asked.iter().map(Vec::as_slice), 200).await?;
    found.paid.push(&latencies);
    Ok(())
}

fn describe(report: &mut Report, [direct, unpaid]: [Found; 2], [fast, slow]: [Bought; 2]) {
    let added = |whole: &Found, part: &Found| whole.p50.paired(&part.p50, |whole, part| whole - part);
    let (challenge, quick, long) = (
        added(&unpaid, &direct),
        added(&fast.paid, &fast.settle),
        added(&slow.paid, &slow.settle),
    );
    report.at_most(
        "p50 added to an unpaid 402, over asking the endpoint",
        challenge.median(),
        1.0,
        " ms",
    );
    for (figures, delay) in [(&quick, "0 ms"), (&long, "50 ms")] {
        report.at_most(
            format!("p50 of a paid request over the facilitator's own time, {delay}"),
            figures.median(),
            3.0,
            " ms",
        );
    }
    let mut table = Table::new("one client, ms", &["p50", "p95", "p99"]);
    direct.row(&mut table, "the endpoint itself");
    unpaid.row(&mut table, "402 of the gateway");
    fast.settle.row(&mut table, "settle call, 0 ms facilitator");
    fast.paid.row(&mut table, "paid request, 0 ms facilitator");
    slow.settle.row(&mut table, "settle call, 50 ms facilitator");
    slow.paid.row(&mut table, "paid request, 50 ms facilitator");
    report.table(table);
    let mut table = Table::new("added by the gateway, ms", &["p50"]);
    table.row("402", [challenge.into()]);
    table.row("paid, 0 ms facilitator", [quick.into()]);
    table.row("paid, 50 ms facilitator", [long.into()]);
    report.table(table);
    report.note("Settle call: the facilitator asked by the same client. A paid request is that, the endpoint's answer, and all that the gateway and the ledger do, where the commits of intent and outcome are durable.");
}
