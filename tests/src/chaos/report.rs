use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;

use super::audit::{Books, Payment, Seen};
use super::director::Done;
use super::options::Options;

/// Something that must not be.
#[derive(Debug, Clone, Serialize)]
pub struct Violation {
    /// A word for what kind of thing it is: `lost`, `double`, …
    pub kind: &'static str,
    /// Number in the run, id and nonce, as far as they are known.
    pub payment: String,
    /// What is wrong.
    pub what: String,
}

/// How long things took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) storm: Duration,
    /// From the end of the faults until every payment had ended; `None` if not all did.
    pub(super) ended: Option<Duration>,
    /// The same until every settled payment was final.
    pub(super) finalized: Option<Duration>,
}

/// What a storm did, and what it found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What everything was drawn from.
    pub seed: u64,
    /// Payments submitted.
    pub payments: usize,
    /// Of those, how many the database refused, because their time had passed before it could answer.
    pub refused: usize,
    /// Submissions that were acknowledged; some payments were submitted twice.
    pub acknowledged: usize,
    /// What was done.
    pub done: Done,
    /// Faults by what they hit.
    pub faults: BTreeMap<String, u64>,
    /// Payments by status, and the failed ones by reason.
    pub statuses: BTreeMap<String, usize>,
    /// Transfers on the chain.
    pub transfers: usize,
    /// Acknowledged submissions that have no row.
    pub lost: usize,
    /// Payments with two rows or two transfers, and transfers that prove two rows.
    pub double: usize,
    /// Calls of `/settle`.
    pub calls: usize,
    /// Most calls about one payment.
    pub most_calls: usize,
    /// Outcomes written under a lost lease, and discarded.
    pub stale: usize,
    /// Deadlocks that the server broke.
    pub deadlocks: usize,
    /// Seconds that the storm took.
    pub storm_seconds: f64,
    /// Seconds from the end of the faults until every payment had ended.
    pub ended_seconds: Option<f64>,
    /// Seconds from the end of the faults until every settled payment was final.
    pub finalized_seconds: Option<f64>,
    /// Everything that must not be.
    pub violations: Vec<Violation>,
}

/// What a report is made of besides books and chain.
pub(super) struct Run<'a> {
    pub(super) options: &'a Options,
    pub(super) seed: u64,
    pub(super) done: Done,
    pub(super) faults: BTreeMap<String, u64>,
    pub(super) deadlocks: usize,
    pub(super) times: Times,
}

impl Report {
    pub(super) fn new(run: Run<'_>, books: &Books, seen: &Seen<'_>, violations: Vec<Violation>) -> Report {
        let mut violations = violations;
        let mut late = |times: Option<Duration>, what: &str| {
            if times.is_none() {
                violations.insert(
                    0,
                    Violation {
                        kind: "open",
                        payment: "some payments".to_owned(),
                        what: format!(
                            "they were not {what} within {} s after the faults had stopped",
                            run.options.within
                        ),
                    },
                );
            }
        };
        late(run.times.finalized, "final");
        late(run.times.ended, "ended");
        if run.deadlocks > 0 {
            violations.push(Violation {
                kind: "deadlock",
                payment: "no payment".to_owned(),
                what: format!("the server broke {} deadlocks", run.deadlocks),
            });
        }
        let of_kind = |kind: &str| {
            violations
                .iter()
                .filter(|violation| violation.kind == kind)
                .count()
        };
        let answers = || seen.sales.iter().flat_map(|sale| &sale.answers);
        let mut called: HashMap<_, usize> = HashMap::new();
        for call in &seen.calls {
            *called.entry(call.nonce).or_default() += 1;
        }
        Report {
            seed: run.seed,
            payments: seen.sales.len(),
            refused: answers().filter(|answer| answer.is_err()).count(),
            acknowledged: answers().filter(|answer| answer.is_ok()).count(),
            done: run.done,
            faults: run.faults,
            statuses: statuses(&books.payments),
            transfers: seen.transfers.len(),
            lost: of_kind("lost"),
            double: of_kind("double"),
            calls: seen.calls.len(),
            most_calls: called.into_values().max().unwrap_or(0),
            stale: books.stale(),
            deadlocks: run.deadlocks,
            storm_seconds: run.times.storm.as_secs_f64(),
            ended_seconds: run.times.ended.map(|time| time.as_secs_f64()),
            finalized_seconds: run.times.finalized.map(|time| time.as_secs_f64()),
            violations,
        }
    }

    /// Whether everything is as it must be.
    pub fn passed(&self) -> bool {
        self.violations.is_empty()
    }

    /// For people.
    pub fn text(&self) -> String {
        let done = &self.done;
        let seconds =
            |time: Option<f64>| time.map_or("not in time".to_owned(), |time| format!("{time:.1} s"));
        let each = self.calls as f64 / self.payments.max(1) as f64;
        let mut lines = vec![
            format!("chaos, seed {} (the same seed is the same storm)", self.seed),
            format!(
                "  payments    {} submitted, {} submissions acknowledged, {} refused",
                self.payments, self.acknowledged, self.refused
            ),
            format!(
                "  kills       {} ({} of the worker that held the newest call, {} in a call)",
                done.kills, done.kills_of_the_holder, done.kills_in_a_call
            ),
            format!(
                "  also        {} crashes of Postgres, {} pauses beyond the lease, {} cuts of connections, {} reorganisations",
                done.restarts, done.pauses, done.cuts, done.reorganisations
            ),
            format!("  faults      {}", list(&self.faults)),
            format!("  by status   {}", list(&self.statuses)),
            format!("  chain       {} transfers", self.transfers),
            format!("  lost        {}", self.lost),
            format!("  double      {}", self.double),
            format!(
                "  calls       {} of /settle, {each:.2} a payment, at most {}",
                self.calls, self.most_calls
            ),
            format!(
                "  stale       {} outcomes discarded because their lease was lost",
                self.stale
            ),
            format!("  deadlocks   {}", self.deadlocks),
            format!(
                "  time        {:.1} s of storm; all ended {} after it, all final {}",
                self.storm_seconds,
                seconds(self.ended_seconds),
                seconds(self.finalized_seconds)
            ),
        ];
        if done.impatient > 0 {
            lines.push(format!(
                "  impatient   {} deeds did not wait for their calls: none came for 4 s",
                done.impatient
            ));
        }
        for violation in &self.violations {
            lines.push(format!(
                "  VIOLATION   {}: {}: {}",
                violation.kind, violation.payment, violation.what
            ));
        }
        lines.push(match self.violations.len() {
            0 => "  verdict     books and chain agree".to_owned(),
            count => format!(
                "  verdict     {count} violations; run it again with --seed {}",
                self.seed
            ),
        });
        lines.join("\n")
    }
}

fn statuses(payments: &[Payment]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for payment in payments {
        let reason = payment.reason.as_deref().filter(|_| payment.status == "failed");
        let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        *counts.entry(format!("{}{reason}", payment.status)).or_default() += 1;
    }
    counts
}

fn list<N: std::fmt::Display>(counts: &BTreeMap<String, N>) -> String {
    let words: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    words.join(", ")
}
