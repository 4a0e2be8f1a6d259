use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::Settings;
use crate::bench::fixture::Fixture;
use crate::bench::report::{Report, Table};
use crate::bench::stats::Figures;
use crate::cluster::{Database, Template};
use crate::sidecar::{Plan, Sidecar};
use crate::standin::StandIn;

/// After this long a sidecar has done everything that belongs to its start.
const START: Duration = Duration::from_secs(15);

/// A sidecar with a database of its own in which nothing happens.
struct Idler {
    label: &'static str,
    database: Database,
    rate: Figures,
    kinds: BTreeMap<String, u32>,
    _sidecar: Sidecar,
}

impl Idler {
    async fn start(fixture: &Fixture, standin: &StandIn, label: &'static str, chain: &str) -> Result<Idler> {
        let database = fixture.database(Template::Extension).await?;
        // An empty variable counts as not set.
        let plan = Plan::settling(&database.sidecar_url(), standin)?.set("XLAYER_RPC_URLS", chain);
        Ok(Idler {
            label,
            rate: Figures::default(),
            kinds: BTreeMap::new(),
            _sidecar: plan.start().await?,
            database,
        })
    }

    fn count(&mut self, before: &str, after: &str, seconds: u64) {
        let before = statements(before, &self.database.name).len();
        let found = statements(after, &self.database.name).split_off(before);
        self.rate.push(found.len() as f64 / seconds as f64);
        for statement in found {
            *self.kinds.entry(statement.to_owned()).or_insert(0) += 1;
        }
    }
}

/// Statements of sidecars that have nothing to do, as the server's log has them.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<()> {
    let fixture = Fixture::with(vec![
        "log_statement = 'all'".into(),
        "log_line_prefix = '%u|%d|'".into(),
    ])?;
    let standin = StandIn::start().await?;
    let endpoints = [standin.rpc_url("one"), standin.rpc_url("two")].join(",");
    let mut idlers = [
        Idler::start(&fixture, &standin, "without chain endpoints", "").await?,
        Idler::start(&fixture, &standin, "with two chain endpoints", &endpoints).await?,
    ];
    let log = fixture.cluster.server.dir.join("server.log");
    sleep(START).await;
    for run in 0..settings.common.runs {
        let before = std::fs::read_to_string(&log)?;
        sleep(Duration::from_secs(settings.idle_seconds)).await;
        let after = std::fs::read_to_string(&log)?;
        for idler in &mut idlers {
            idler.count(&before, &after, settings.idle_seconds);
        }
        settings.common.progress(&format!("idle, run {}", run + 1));
    }
    for idler in idlers {
        show(&idler, settings, report);
    }
    Ok(())
}

fn show(idler: &Idler, settings: &Settings, report: &mut Report) {
    let label = idler.label;
    let title = format!("idle sidecar {label}, {} s a run", settings.idle_seconds);
    let mut table = Table::new(title, &["statements/s"]);
    let what = format!("statements per second of an idle sidecar {label}");
    report.at_most(what, idler.rate.median(), 0.2, "/s");
    table.row("all", [idler.rate.clone().into()]);
    let seconds = (settings.idle_seconds * settings.common.runs as u64) as f64;
    for (statement, count) in &idler.kinds {
        let rate: Figures = [f64::from(*count) / seconds].into_iter().collect();
        table.row(statement, [rate.into()]);
    }
    report.table(table);
}

/// The statements of a database's sidecar, each by its beginning.
fn statements<'a>(log: &'a str, database: &str) -> Vec<&'a str> {
    const KEEP: usize = 60;
    let head = format!("sidecar|{database}|LOG:  ");
    let lines = log.lines().filter_map(|line| line.strip_prefix(&head));
    let texts = lines.filter_map(|line| {
        let (kind, text) = line.split_once(": ")?;
        (kind == "statement" || kind.starts_with("execute")).then_some(text.trim())
    });
    texts
        .map(|text| {
            text.char_indices()
                .nth(KEEP)
                .map_or(text, |(end, _)| &text[..end])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn only_the_statements_of_that_databases_sidecar_count() {
        let log = "sidecar|one|LOG:  execute <unnamed>: SELECT x402.next_due($1) AS ms\n\
                   sidecar|one|DETAIL:  parameters: $1 = '{pending}'\n\
                   postgres|one|LOG:  statement: SELECT 1\n\
                   sidecar|two|LOG:  statement: SELECT 2\n\
                   sidecar|one|LOG:  statement: LISTEN x402_pending";
        assert_eq!(
            statements(log, "one"),
            ["SELECT x402.next_due($1) AS ms", "LISTEN x402_pending"]
        );
    }
}
