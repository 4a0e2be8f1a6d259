//! A ledger in memory, with the rules that matter to the worker and none of the rest.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::ledger::Status;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::settle::{Claim, Lease, Ledger, LedgerError, Recorded, Report, fixture};

pub(super) const LEASE: Duration = Duration::from_secs(8);

type Answer<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

#[derive(Clone)]
pub(super) struct Row {
    pub(super) status: Status,
    pub(super) attempt: u32,
    due: Instant,
    lease: Option<(i64, Instant)>,
    pub(super) reports: Vec<Report>,
}

#[derive(Default)]
pub(super) struct Books {
    pub(super) rows: BTreeMap<Uuid, Row>,
    tokens: i64,
    /// Names of the statements run, in order.
    pub(super) statements: Vec<&'static str>,
    /// Sizes of the batches finished.
    pub(super) batches: Vec<usize>,
    /// While set, every statement fails.
    pub(super) down: bool,
    /// No intent can be written; everything else works.
    pub(super) full: bool,
    /// Only the chain can check the signatures: claims come without an intent.
    pub(super) unproven: bool,
    /// Outcomes of this payment are refused.
    pub(super) poison: Option<Uuid>,
    /// Time a statement takes.
    pub(super) latency: Duration,
}

#[derive(Default)]
pub(super) struct FakeLedger {
    books: Mutex<Books>,
    pub(super) changed: Notify,
}

impl FakeLedger {
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// Adds a pending payment that is due in `due`.
    pub(super) fn add(&self, n: u128, due: Duration) -> Uuid {
        let id = Uuid::from_u128(n);
        let row = Row {
            status: Status::Pending,
            attempt: 0,
            due: Instant::now() + due,
            lease: None,
            reports: Vec::new(),
        };
        self.books().rows.insert(id, row);
        id
    }

    /// Adds a payment whose intent was recorded with its sale, and returns its lease's token.
    pub(super) fn add_begun(&self, n: u128) -> (Uuid, i64) {
        let id = self.add(n, Duration::ZERO);
        let mut books = self.books();
        books.tokens += 1;
        let token = books.tokens;
        let row = books.rows.get_mut(&id).unwrap();
        (row.status, row.attempt, row.lease) = (Status::Settling, 1, Some((token, Instant::now() + LEASE)));
        (id, token)
    }

    /// Another worker takes the payment.
    pub(super) fn take_over(&self, id: Uuid) {
        let mut books = self.books();
        books.tokens += 1;
        let token = books.tokens;
        books.rows.get_mut(&id).unwrap().lease = Some((token, Instant::now() + 600 * LEASE));
    }

    pub(super) fn count(&self, statement: &str) -> usize {
        self.books()
            .statements
            .iter()
            .filter(|name| **name == statement)
            .count()
    }

    /// Waits until the condition holds; the test's time runs, so a minute is nothing.
    pub(super) async fn until(&self, what: &str, condition: impl Fn(&Books) -> bool) {
        let met = async {
            loop {
                let changed = self.changed.notified();
                if condition(&self.books()) {
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_millis(10), changed).await;
            }
        };
        assert!(
            tokio::time::timeout(Duration::from_secs(60), met).await.is_ok(),
            "never: {what}"
        );
    }

    async fn run<T>(
        &self,
        statement: &'static str,
        body: impl FnOnce(&mut Books) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let latency = self.books().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let result = {
            let mut books = self.books();
            books.statements.push(statement);
            if books.down {
                Err(LedgerError::Unavailable("down".to_owned()))
            } else {
                body(&mut books)
            }
        };
        self.changed.notify_one();
        result
    }
}

fn disk_full() -> LedgerError {
    LedgerError::Unavailable("disk full".to_owned())
}

impl Books {
    fn held(&mut self, id: Uuid, token: i64) -> Option<&mut Row> {
        self.rows
            .get_mut(&id)
            .filter(|row| row.lease.is_some_and(|(held, _)| held == token))
    }

    fn claim(&mut self, batch: usize, begin: bool, asked: Instant) -> Result<Vec<Claim>, LedgerError> {
        let now = Instant::now();
        let free = |row: &Row| {
            !row.status.is_terminal() && row.due <= now && row.lease.is_none_or(|(_, l)| l <= now)
        };
        let due: Vec<Uuid> = self
            .rows
            .iter()
            .filter(|(_, row)| free(row))
            .map(|(id, _)| *id)
            .take(batch)
            .collect();
        let begin = begin && !self.unproven;
        if self.full && begin && !due.is_empty() {
            return Err(disk_full());
        }
        let mut claims = Vec::new();
        for id in due {
            self.tokens += 1;
            let token = self.tokens;
            let row = self.rows.get_mut(&id).unwrap();
            row.lease = Some((token, now + LEASE));
            if row.status == Status::Settling {
                row.status = Status::Unknown;
            }
            claims.push(Claim {
                lease: Lease { id, token },
                status: row.status,
                begun: begin,
                attempt: row.attempt,
                uncertain: row.status == Status::Unknown,
                claimed_at: asked,
                ..fixture::claim()
            });
            if begin {
                (row.status, row.attempt) = (Status::Settling, row.attempt + 1);
            }
        }
        Ok(claims)
    }

    fn finish(&mut self, report: &Report) -> Recorded {
        let now = Instant::now();
        let applied = self.held(report.id, report.lease_token).is_some();
        let row = self.rows.get_mut(&report.id).unwrap();
        if applied {
            row.lease = None;
            row.due = now + Duration::from_millis(report.retry_after_ms.unwrap_or(1000));
            row.status = match report.outcome {
                "settled" => Status::Settled,
                "refused" => Status::Failed,
                "expired" => Status::Expired,
                "not_sent" => Status::Pending,
                _ => Status::Unknown,
            };
            row.reports.push(report.clone());
        }
        Recorded {
            id: report.id,
            status: row.status.to_string(),
            applied,
        }
    }
}

impl Ledger for FakeLedger {
    fn claim(&self, batch: usize, begin: bool) -> Answer<'_, Vec<Claim>> {
        let asked = Instant::now();
        let name = if begin { "claim to settle" } else { "claim" };
        self.run(name, move |books| books.claim(batch, begin, asked))
            .boxed()
    }

    fn begin<'a>(&'a self, leases: &'a [Lease]) -> Answer<'a, HashSet<Uuid>> {
        self.run("begin", move |books| {
            if books.full {
                return Err(disk_full());
            }
            let mut begun = HashSet::new();
            for lease in leases {
                if let Some(row) = books.held(lease.id, lease.token) {
                    row.status = Status::Settling;
                    row.attempt += 1;
                    begun.insert(lease.id);
                }
            }
            Ok(begun)
        })
        .boxed()
    }

    fn finish<'a>(&'a self, reports: &'a [Report]) -> Answer<'a, Vec<Recorded>> {
        self.run("finish", move |books| {
            books.batches.push(reports.len());
            if reports.iter().any(|report| Some(report.id) == books.poison) {
                return Err(LedgerError::Refused("poison".to_owned()));
            }
            Ok(reports.iter().map(|report| books.finish(report)).collect())
        })
        .boxed()
    }

    fn extend<'a>(&'a self, leases: &'a [Lease]) -> Answer<'a, HashSet<Uuid>> {
        self.run("extend", move |books| {
            let mut held = HashSet::new();
            for lease in leases {
                if let Some(row) = books.held(lease.id, lease.token) {
                    row.lease = Some((lease.token, Instant::now() + LEASE));
                    held.insert(lease.id);
                }
            }
            Ok(held)
        })
        .boxed()
    }

    fn release<'a>(&'a self, leases: &'a [Lease]) -> Answer<'a, ()> {
        self.run("release", move |books| {
            for lease in leases {
                if let Some(row) = books.held(lease.id, lease.token)
                    && row.status != Status::Settling
                {
                    row.lease = None;
                }
            }
            Ok(())
        })
        .boxed()
    }

    fn next_due(&self) -> Answer<'_, Option<Duration>> {
        self.run("next_due", |books| {
            let open = books.rows.values().filter(|row| !row.status.is_terminal());
            let due = open
                .map(|row| row.lease.map_or(row.due, |(_, until)| until.max(row.due)))
                .min();
            Ok(due.map(|at| at.saturating_duration_since(Instant::now())))
        })
        .boxed()
    }

    fn vouched(&self) -> Answer<'_, Vec<VouchedDomain>> {
        self.run("vouched", |_| Ok(Vec::new())).boxed()
    }
}
