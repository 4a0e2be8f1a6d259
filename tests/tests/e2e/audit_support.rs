//! What the tests of the audit share: a database to audit, findings, and seeds of defects.
//!
//! A seed is an SQL file in `fixtures/audit` with marked sections: `@clean` makes something correct, `@defect`
//! spoils it, `@finds` says which finding that must raise, and `@works` uses what the repair has left;
//! `@unfixed` where no repair is offered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use insforge_tests::cluster::Template;

use crate::rls_support::{Sandbox, Session};

/// A finding, as far as seeds name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) rule: String,
    pub(crate) severity: String,
    pub(crate) object: String,
}

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct Seed {
    pub(crate) clean: String,
    pub(crate) defect: String,
    pub(crate) works: String,
    pub(crate) finds: BTreeSet<Finding>,
    pub(crate) unfixed: bool,
}

/// Folder of the seeds.
pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/audit")
}

/// The text of a file among the seeds.
pub(crate) fn fixture(name: &str) -> Result<String> {
    let path = fixtures().join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// An InsForge database with the extension, and with storage, payments and users.
pub(crate) async fn insforge() -> Result<Sandbox> {
    let sandbox = Sandbox::of(Template::InsForgeExtension).await?;
    sandbox.run(&fixture("platform.sql")?).await?;
    Ok(sandbox)
}

/// All that the audit finds.
pub(crate) async fn findings(session: &Session) -> Result<BTreeSet<Finding>> {
    Ok(report(session).await?.into_keys().collect())
}

/// All that the audit finds, each with its repair; empty where there is none.
pub(crate) async fn report(session: &Session) -> Result<BTreeMap<Finding, String>> {
    let rows = session
        .rows("SELECT rule_id, severity, affected_object, fix_sql FROM insforge.audit()")
        .await?;
    let found: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (Finding::new(&row[0], &row[1], &row[2]), row[3].clone()))
        .collect();
    assert_eq!(
        found.len(),
        rows.len(),
        "an object is found twice by a rule: {rows:?}"
    );
    Ok(found)
}

impl Finding {
    pub(crate) fn new(rule: &str, severity: &str, object: &str) -> Finding {
        Finding {
            rule: rule.to_owned(),
            severity: severity.to_owned(),
            object: object.to_owned(),
        }
    }

    /// Whether it is more than a remark.
    pub(crate) fn is_loud(&self) -> bool {
        self.severity != "info"
    }
}

impl Seed {
    /// Reads `<name>.sql`; the rule is the first three characters of the name.
    pub(crate) fn read(name: &str, database: &str) -> Result<Seed> {
        let mut seed = Seed::default();
        let mut section = String::new();
        for line in fixture(&format!("{name}.sql"))?.lines() {
            match line.strip_prefix("-- @") {
                Some(mark) => section = seed.mark(&name[..3], mark, database)?.unwrap_or(section),
                None => seed.section(&section)?.push_str(&format!("{line}\n")),
            }
        }
        Ok(seed)
    }

    /// Takes a mark in; returns the section that it begins, if it does.
    fn mark(&mut self, rule: &str, mark: &str, database: &str) -> Result<Option<String>> {
        let (word, rest) = mark.split_once(' ').unwrap_or((mark, ""));
        match word {
            "finds" => {
                let (severity, object) = rest.split_once(' ').context("@finds severity object")?;
                let object = object.replace("@database@", database);
                self.finds.insert(Finding::new(rule, severity, &object));
            }
            "unfixed" => self.unfixed = true,
            other => return Ok(Some(other.to_owned())),
        }
        Ok(None)
    }

    fn section(&mut self, name: &str) -> Result<&mut String> {
        match name {
            "clean" => Ok(&mut self.clean),
            "defect" => Ok(&mut self.defect),
            "works" => Ok(&mut self.works),
            other => bail!("no such section: {other:?}"),
        }
    }
}
