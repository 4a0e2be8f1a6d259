//! `docs/faults.md` is written from the tests and compared with them.
//!
//! `UPDATE_DOCS=1 cargo test -p insforge-tests --test faults docs_faults` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::phase::Phase;
use crate::table::{Row, Says};
use crate::{clock, disk, facilitator, killed, load, network, operator, paused, postgres, restart, standby};

const MARK: &str = "<!-- written by the tests from tests/tests/faults; do not edit below -->\n";

/// The families of faults, as the table groups them.
const FAMILIES: &[(&str, &[Row])] = &[
    ("The worker", &[killed::ROW, paused::ROW]),
    (
        "The facilitator",
        &[
            facilitator::RESET,
            facilitator::SILENCE,
            facilitator::BAD_GATEWAY,
            facilitator::GATEWAY_TIMEOUT,
            facilitator::GARBAGE,
            facilitator::REFUSAL,
            facilitator::SLOW,
            facilitator::LIMITED,
            facilitator::TWICE,
        ],
    ),
    (
        "Postgres",
        &[
            postgres::TERMINATED,
            restart::ROW,
            standby::ROW,
            postgres::READ_ONLY,
            disk::ROW,
            postgres::TOO_MANY,
        ],
    ),
    (
        "The network to Postgres",
        &[
            network::DEAF,
            network::PARTITION,
            network::LATENCY,
            network::HALF_CLOSED,
        ],
    ),
    ("The worker's clock", &[clock::AHEAD, clock::BEHIND]),
    (
        "The operator",
        &[
            operator::CANCEL,
            operator::RETRY,
            operator::REQUEUE,
            operator::DROP,
            operator::DROP_FOR_GOOD,
            operator::ALTER,
        ],
    ),
    ("Load", &[load::DUPLICATES, load::HORIZON, load::BACKLOG]),
];

fn rows() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|(_, rows)| rows.iter())
}

/// Tests with the fault suite's crate name in front lose it.
fn short(test: &str) -> &str {
    test.split_once("::").map_or(test, |(_, rest)| rest)
}

fn shown(says: Says) -> String {
    match says {
        Says::Test(test) => format!("`{}`", short(test)),
        Says::EndToEnd(test) => format!("e2e `{test}`"),
        Says::Word(word) => word.to_owned(),
    }
}

fn table() -> Result<String> {
    let mut text = String::new();
    for (family, rows) in FAMILIES {
        writeln!(text, "\n## {family}")?;
        for row in *rows {
            writeln!(text, "\n### {}\n\n| phase | proven by |\n|---|---|", row.fault)?;
            for cell in row.cells {
                writeln!(text, "| {:?} | {} |", cell.phase, shown(cell.says))?;
            }
        }
    }
    Ok(text)
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/faults.md")
}

#[test]
fn docs_faults_names_the_tests_that_there_are() -> Result<()> {
    let path = page();
    let written = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (head, _) = written.split_once(MARK).context("the page has lost its mark")?;
    let meant = format!("{head}{MARK}{}", table()?);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, meant)?;
        return Ok(());
    }
    ensure!(
        written == meant,
        "docs/faults.md is not what the tests say; \
         run UPDATE_DOCS=1 cargo test -p insforge-tests --test faults docs_faults"
    );
    Ok(())
}

#[test]
fn every_fault_has_a_cell_for_each_phase_and_every_end_to_end_test_named_exists() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let mut faults = BTreeSet::new();
    for row in rows() {
        ensure!(faults.insert(row.fault), "{} is there twice", row.fault);
        let phases: Vec<Phase> = row.cells.iter().map(|cell| cell.phase).collect();
        ensure!(phases == Phase::ALL, "{}: {phases:?}", row.fault);
        for cell in row.cells {
            let Says::EndToEnd(test) = cell.says else { continue };
            let (module, name) = test.split_once("::").context("module::name")?;
            let source = fs::read_to_string(folder.join(format!("{module}.rs")))?;
            let declared = format!("async fn {name}()");
            ensure!(source.contains(&declared), "no test {test}");
        }
    }
    Ok(())
}

#[test]
fn docs_faults_explains_the_phases() -> Result<()> {
    let written = fs::read_to_string(page())?;
    for phase in Phase::ALL {
        let line = format!("| {phase:?} | {} |", phase.meaning());
        ensure!(written.contains(&line), "no line {line:?}");
    }
    Ok(())
}
