use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;

use crate::bench::stats::{Figures, warm};

/// Turns of each in one run.
const TURNS: usize = 5;

/// Logins per second in one backend.
#[derive(Default)]
pub(super) struct Logins {
    /// One statement over all tokens.
    pub(super) scan: Figures,
    /// One statement and one round trip for each.
    pub(super) calls: Figures,
}

impl Logins {
    /// Measures one run: every token logs in once in every turn.
    pub(super) async fn one_run(&mut self, client: &Client, tokens: &[String]) -> Result<()> {
        stage(client, tokens).await?;
        let (mut scans, mut calls) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            scans.push(scan(client, tokens.len()).await?);
            calls.push(each(client, tokens).await?);
        }
        let rate =
            |seconds: &[f64]| (tokens.len() * warm(seconds).len()) as f64 / warm(seconds).iter().sum::<f64>();
        self.scan.push(rate(&scans));
        self.calls.push(rate(&calls));
        Ok(())
    }
}

async fn stage(client: &Client, tokens: &[String]) -> Result<()> {
    client
        .batch_execute("DROP TABLE IF EXISTS tokens; CREATE TEMP TABLE tokens (token text NOT NULL)")
        .await?;
    client
        .execute("INSERT INTO tokens SELECT unnest($1::text[])", &[&tokens])
        .await?;
    Ok(())
}

async fn scan(client: &Client, count: usize) -> Result<f64> {
    client.batch_execute("BEGIN").await?;
    let started = Instant::now();
    let row = client
        .query_one("SELECT count(insforge.login(token)) FROM tokens", &[])
        .await
        .context("logging in")?;
    let took = started.elapsed().as_secs_f64();
    client.batch_execute("COMMIT").await?;
    let logins: i64 = row.try_get(0)?;
    ensure!(
        logins.unsigned_abs() == count as u64,
        "{logins} of {count} logged in"
    );
    Ok(took)
}

async fn each(client: &Client, tokens: &[String]) -> Result<f64> {
    let statement = client.prepare("SELECT insforge.login($1, 'connection')").await?;
    let started = Instant::now();
    for token in tokens {
        client
            .query_one(&statement, &[token])
            .await
            .context("logging in")?;
    }
    let took = started.elapsed().as_secs_f64();
    client.batch_execute("SELECT insforge.logout()").await?;
    Ok(took)
}
