use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::Settings;
use crate::bench::fixture::Fixture;
use crate::bench::report::{Report, Table};
use crate::bench::stats::Figures;
use crate::cluster::Template;
use crate::sidecar::Plan;
use crate::standin::StandIn;

/// After this long a sidecar has done everything that belongs to its start.
const START: Duration = Duration::from_secs(15);

/// Statements of a sidecar that has nothing to do, as the server's log has them.
pub(super) async fn measure(settings: &Settings, report: &mut Report) -> Result<()> {
    let fixture = Fixture::with(vec![
        "log_statement = 'all'".into(),
        "log_line_prefix = '%u|'".into(),
    ])?;
    let database = fixture.database(Template::Extension).await?;
    let standin = StandIn::start().await?;
    let _sidecar = Plan::settling(&database.sidecar_url(), &standin)?.start().await?;
    let log = database.server().dir.join("server.log");
    sleep(START).await;
    let mut rate = Figures::default();
    let mut kinds = BTreeMap::new();
    for run in 0..settings.common.runs {
        let before = statements(&std::fs::read_to_string(&log)?).len();
        sleep(Duration::from_secs(settings.idle_seconds)).await;
        let text = std::fs::read_to_string(&log)?;
        let found = &statements(&text)[before..];
        rate.push(found.len() as f64 / settings.idle_seconds as f64);
        for statement in found {
            *kinds.entry((*statement).to_owned()).or_insert(0) += 1;
        }
        settings.common.progress(&format!("idle, run {}", run + 1));
    }
    let title = format!("idle sidecar, {} s a run", settings.idle_seconds);
    let mut table = Table::new(title, &["statements/s"]);
    report.at_most(
        "statements per second of an idle sidecar",
        rate.median(),
        0.2,
        "/s",
    );
    table.row("all", [rate.into()]);
    let seconds = (settings.idle_seconds * settings.common.runs as u64) as f64;
    for (statement, count) in kinds {
        table.row(
            statement,
            [[f64::from(count) / seconds]
                .into_iter()
                .collect::<Figures>()
                .into()],
        );
    }
    report.table(table);
    Ok(())
}

/// The sidecar's statements, each by its beginning.
fn statements(log: &str) -> Vec<&str> {
    const KEEP: usize = 60;
    let lines = log.lines().filter_map(|line| line.strip_prefix("sidecar|LOG:  "));
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
    fn only_the_sidecars_statements_count() {
        let log = "sidecar|LOG:  execute <unnamed>: SELECT x402.next_due($1) AS ms\n\
                   sidecar|DETAIL:  parameters: $1 = '{pending}'\n\
                   postgres|LOG:  statement: SELECT 1\n\
                   sidecar|LOG:  statement: LISTEN x402_pending";
        assert_eq!(
            statements(log),
            ["SELECT x402.next_due($1) AS ms", "LISTEN x402_pending"]
        );
    }
}
