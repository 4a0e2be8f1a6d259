use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::sleep;
use tokio_postgres::Client;

use super::contender::Contender;
use super::cost::{self, Cost, Spent};
use super::crowd;
use super::target::Target;
use crate::bench::fixture::{Fixture, settle_down};
use crate::bench::options::Common;
use crate::bench::payments::Prepared;
use crate::wait::wait_until;

/// Between two looks while the work is done: rare enough to cost nothing.
const LOOK: Duration = Duration::from_millis(200);
/// Longest wait for the last outcomes and the last connections.
const END: Duration = Duration::from_secs(60);

/// How one contender fared with one backlog.
pub(super) struct Drained {
    /// Payments per second after the first tenth, by the times in the database.
    pub(super) rate: f64,
    /// Payments per second from the start of the process to the last outcome.
    pub(super) with_start: f64,
    pub(super) cost: Cost,
    /// Most memory of the worker, in megabytes.
    pub(super) memory: f64,
    /// Most connections of the worker to the database.
    pub(super) database_connections: i64,
}

/// Loads the payments into a fresh database, and as many more `behind` them, lets one contender settle all but
/// those, and looks at what that took. The database is dropped afterwards.
pub(super) async fn drain(
    fixture: &Fixture,
    common: &Common,
    contender: Contender,
    target: &Target,
    signed: &[Prepared],
    behind: usize,
) -> Result<Drained> {
    let database = fixture.database(contender.template()).await?;
    let client = database.client().await?;
    // Before the rows come, so that their pages are new and need no images in the log afterwards.
    settle_down(&client).await?;
    let loaded = contender.load(&database, target, signed).await?;
    crowd::gather(&client, behind).await?;
    common.quiet().await;
    let before = Spent::read(&client, database.server()).await?;
    let started = Instant::now();
    let working = loaded.start(&database, target).await?;
    let connections = watch(&client, target, signed.len() as u64).await?;
    wait_until(END, "every payment is recorded", || async {
        Ok((contender.waiting(&client).await? <= behind as i64).then_some(()))
    })
    .await?;
    let took = started.elapsed();
    let memory = cost::peak_megabytes(working.pid()?).unwrap_or(0.0);
    let used = working.stop().await?;
    wait_until(END, "the worker's connections are closed", || async {
        Ok((others(&client).await? == 0).then_some(()))
    })
    .await?;
    let spent = Spent::read(&client, database.server()).await?;
    Ok(Drained {
        rate: contender.rate(&client).await?,
        with_start: signed.len() as f64 / took.as_secs_f64(),
        cost: spent.since(before, used, signed.len()),
        memory,
        database_connections: connections,
    })
}

/// Waits until the facilitator has answered everything, and returns the most connections seen meanwhile.
async fn watch(client: &Client, target: &Target, payments: u64) -> Result<i64> {
    let (mut most, mut last, mut since) = (0, 0, Instant::now());
    while target.settled() < payments {
        sleep(LOOK).await;
        most = most.max(others(client).await?);
        let settled = target.settled();
        if settled != last {
            (last, since) = (settled, Instant::now());
        }
        anyhow::ensure!(
            since.elapsed() < END,
            "no payment for {END:?}; {settled} of {payments} were settled"
        );
    }
    Ok(most)
}

/// Connections to this database besides this one.
async fn others(client: &Client) -> Result<i64> {
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    client
        .query_one(sql, &[])
        .await?
        .try_get(0)
        .context("connections")
}
