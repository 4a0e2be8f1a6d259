//! What the doorbell costs whoever inserts.

use std::sync::Arc;

use anyhow::Result;
use futures_util::FutureExt;
use uuid::Uuid;

use super::fixture::{Fixture, settle_down};
use super::load::{Clients, One};
use super::options::Common;
use super::payments::{self, Prepared};
use super::report::{Report, Table};
use super::stats::{Figures, warm};
use crate::cluster::{Database, Template};
use crate::ledger::Watch;

/// What is compared, the reference first.
const VARIANTS: [(&str, &str); 3] = [
    ("no trigger", "ALTER TABLE x402.queue DISABLE TRIGGER USER"),
    ("doorbell", "SELECT 1"),
    (
        "NOTIFY per row",
        "ALTER TABLE x402.queue DISABLE TRIGGER USER;
         CREATE FUNCTION notify_each() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM pg_notify('x402_pending', NEW.payment_id::text); RETURN NULL; END $$;
         CREATE TRIGGER notify_each AFTER INSERT ON x402.queue FOR EACH ROW EXECUTE FUNCTION notify_each()",
    ),
];
/// Turns of each variant in one run.
const SLICES: usize = 10;

/// A way to insert: what it is called, the statement, and how many rows a slice has at 1, 8 and 32 clients:
/// about half a second's worth.
struct Path<T> {
    name: &'static str,
    sql: &'static str,
    send: One<T>,
    make: fn(usize) -> Result<Vec<T>>,
    load: [(usize, usize); 3],
}

const SUBMIT: Path<Prepared> = Path {
    name: "x402.submit",
    sql: "SELECT x402.submit($1::text::jsonb, $2::text::jsonb, $3)",
    send: |client, statement, item| {
        async move {
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                [&item.payment, &item.requirements, &item.resource];
            client.query(statement, &parameters).await.map(drop)
        }
        .boxed()
    },
    make: payments::sign,
    load: [(1, 400), (8, 1_200), (32, 1_600)],
};

const BARE: Path<Uuid> = Path {
    name: "bare insert into the queue",
    sql: "INSERT INTO x402.queue (payment_id, valid_before) VALUES ($1, 9999999999)",
    send: |client, statement, id| async move { client.execute(statement, &[id]).await.map(drop) }.boxed(),
    make: |count| Ok(std::iter::repeat_with(Uuid::new_v4).take(count).collect()),
    load: [(1, 1_500), (8, 4_000), (32, 6_000)],
};

/// Runs the bench.
pub(super) async fn run(common: &Common) -> Result<Report> {
    let fixture = Fixture::start()?;
    let mut report = fixture.report("doorbell").await?;
    let submit = measure(&fixture, common, &SUBMIT).await?;
    let bare = measure(&fixture, common, &BARE).await?;
    for (clients, limit) in [(1, 10.0), (8, 5.0), (32, 5.0)] {
        let loss = submit
            .iter()
            .find(|found| found.clients == clients)
            .map_or(0.0, |found| found.loss(1).median());
        report.at_most(
            format!("loss of x402.submit, {clients} clients"),
            loss,
            limit,
            " %",
        );
    }
    report.table(table(SUBMIT.name, &submit));
    report.table(table(BARE.name, &bare));
    report.note(
        "Loss: against the same rows without a trigger, in turns of about half a second, paired by run.",
    );
    report.note("One connection listens in each database. The bare insert is not what anybody does: it is the least work that a trigger can be compared with.");
    Ok(report)
}

/// Rows per second of each variant at one number of clients.
struct Found {
    clients: usize,
    rates: [Figures; 3],
}

impl Found {
    fn loss(&self, variant: usize) -> Figures {
        self.rates[variant].paired(&self.rates[0], |rate, reference| (1.0 - rate / reference) * 100.0)
    }
}

fn table(title: &str, found: &[Found]) -> Table {
    let mut table = Table::new(title, &["rows/s", "loss %"]);
    for found in found {
        for (at, (variant, _)) in VARIANTS.iter().enumerate() {
            let label = format!("{:2} clients, {variant}", found.clients);
            table.row(label, [found.rates[at].clone().into(), found.loss(at).into()]);
        }
    }
    table
}

async fn measure<T>(fixture: &Fixture, common: &Common, path: &Path<T>) -> Result<Vec<Found>>
where
    T: Clone + Send + Sync + 'static,
{
    let mut databases = Vec::new();
    let mut listeners = Vec::new();
    for (_, setup) in VARIANTS {
        let database = fixture.database(Template::Extension).await?;
        database.client().await?.batch_execute(setup).await?;
        listeners.push(Watch::channel(&database.url(), "x402_pending").await?);
        databases.push(database);
    }
    let mut all = Vec::new();
    for (clients, rows) in path.load {
        let connected = connect(&databases, clients, path.sql).await?;
        let mut found = Found {
            clients,
            rates: Default::default(),
        };
        for run in 0..common.runs {
            settle_down(listeners[0].client()).await?;
            common.quiet().await;
            let rates = one_run(&connected, path, rows, run).await?;
            common.progress(&format!("{}, {clients} clients, run {}", path.name, run + 1));
            for (figures, rate) in found.rates.iter_mut().zip(rates) {
                figures.push(rate);
            }
            for listener in &mut listeners {
                listener.heard().await?;
            }
        }
        all.push(found);
    }
    Ok(all)
}

async fn connect(databases: &[Database], clients: usize, sql: &str) -> Result<Vec<Clients>> {
    let mut connected = Vec::new();
    for database in databases {
        connected.push(Clients::connect(database, clients, sql).await?);
    }
    Ok(connected)
}

/// The same rows into each variant's database, slice by slice, in an order that turns.
async fn one_run<T>(connected: &[Clients], path: &Path<T>, rows: usize, run: usize) -> Result<Vec<f64>>
where
    T: Clone + Send + Sync + 'static,
{
    let mut seconds = vec![Vec::new(); connected.len()];
    for slice in 0..SLICES {
        let items = Arc::new((path.make)(rows)?);
        for turn in 0..connected.len() {
            let variant = (turn + slice + run) % connected.len();
            let took = connected[variant].work(items.clone(), path.send).await?;
            seconds[variant].push(took.as_secs_f64());
        }
    }
    let rate = |seconds: &Vec<f64>| {
        let seconds = warm(seconds);
        (rows * seconds.len()) as f64 / seconds.iter().sum::<f64>()
    };
    Ok(seconds.iter().map(rate).collect())
}
