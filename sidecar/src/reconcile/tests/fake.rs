//! The world around the reconciler in memory: one payment moved by the real rules, a facilitator that acts as told,
//! and notes of what was asked for.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::ledger::{Reported, Status, Word, next_status};
use insforge_protocol::okx::{Class, HashStatus};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::reconcile::{
    Archive, Case, Confirmation, Courier, Cursor, Matched, ScanTarget, Sent, Transfer, Unproven,
};
use crate::settle::{Claim, Lease, Ledger, LedgerError, Recorded, Report, fixture};
use crate::worker::Flight;

type Answer<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

fn ok<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    std::future::ready(Ok(value)).boxed()
}

/// One payment.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) claim: Claim,
    pub(super) due: Instant,
    pub(super) held: bool,
    pub(super) reports: Vec<Report>,
    pub(super) released: usize,
    pub(super) claims: usize,
}

/// The ledger with one payment.
pub(super) struct OneRow(Mutex<Row>);

impl OneRow {
    pub(super) fn new(status: Status, tx_hash: Option<&str>, now: u64) -> Arc<Self> {
        let claim = Claim {
            status,
            uncertain: status == Status::Unknown,
            attempt: 1,
            tx_hash: tx_hash.map(str::to_owned),
            now_unix: fixture::NOW + now,
            ..fixture::claim()
        };
        Arc::new(Self(Mutex::new(Row {
            claim,
            due: Instant::now(),
            held: false,
            reports: Vec::new(),
            released: 0,
            claims: 0,
        })))
    }

    pub(super) fn row(&self) -> MutexGuard<'_, Row> {
        self.0.lock().unwrap()
    }

    pub(super) fn status(&self) -> Status {
        self.row().claim.status
    }

    pub(super) fn last(&self) -> Report {
        self.row().reports.last().cloned().unwrap()
    }
}

impl Ledger for OneRow {
    fn claim(&self, _: usize, _: bool) -> Answer<'_, Vec<Claim>> {
        let mut row = self.row();
        let closed = row.claim.status.is_terminal() || row.claim.status == Status::Review;
        if row.held || closed || row.due > Instant::now() {
            return ok(Vec::new());
        }
        row.held = true;
        row.claims += 1;
        row.claim.lease.token += 1;
        ok(vec![Claim {
            claimed_at: Instant::now(),
            ..row.claim.clone()
        }])
    }

    fn begin<'a>(&'a self, leases: &'a [Lease]) -> Answer<'a, HashSet<Uuid>> {
        ok(leases.iter().map(|lease| lease.id).collect())
    }

    fn finish<'a>(&'a self, reports: &'a [Report]) -> Answer<'a, Vec<Recorded>> {
        let mut row = self.row();
        let report = reports[0].clone();
        let applied = row.held && report.lease_token == row.claim.lease.token;
        if applied {
            let word = Word::ALL
                .into_iter()
                .find(|word| word.as_str() == report.outcome)
                .unwrap();
            let reported = Reported {
                word,
                class: [Class::Final, Class::Retryable]
                    .into_iter()
                    .find(|class| Some(class.as_str()) == report.class),
                uncertain: row.claim.uncertain,
                proven: report.tx_hash.is_some(),
                disputed: false,
            };
            row.claim.status = next_status(row.claim.status, &reported);
            row.claim.uncertain |= row.claim.status == Status::Unknown;
            row.claim.tx_hash = report.tx_hash.clone().or(row.claim.tx_hash.take());
            row.due = Instant::now() + Duration::from_millis(report.retry_after_ms.unwrap_or(1000));
            row.held = false;
            row.reports.push(report.clone());
        }
        let status = row.claim.status.to_string();
        ok(vec![Recorded {
            id: report.id,
            status,
            applied,
        }])
    }

    fn extend<'a>(&'a self, leases: &'a [Lease]) -> Answer<'a, HashSet<Uuid>> {
        ok(leases.iter().map(|lease| lease.id).collect())
    }

    fn release<'a>(&'a self, _: &'a [Lease]) -> Answer<'a, ()> {
        let mut row = self.row();
        row.held = false;
        row.released += 1;
        ok(())
    }

    fn next_due(&self) -> Answer<'_, Option<Duration>> {
        let row = self.row();
        let closed = row.claim.status.is_terminal() || row.claim.status == Status::Review;
        ok((!closed).then(|| row.due.saturating_duration_since(Instant::now())))
    }

    fn vouched(&self) -> Answer<'_, Vec<VouchedDomain>> {
        ok(Vec::new())
    }
}

/// What the facilitator does next when a payment is sent again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// Confirms this transaction.
    Confirm(&'static str),
    /// Refuses it for good.
    Refuse,
    /// Its answer is lost.
    Cut,
    /// It must not be called now.
    NotNow,
}

/// Acts as told, then loses every answer.
#[derive(Default)]
pub(super) struct FakeCourier {
    pub(super) acts: Mutex<VecDeque<Act>>,
    pub(super) status: Mutex<Option<HashStatus>>,
    pub(super) sent: Mutex<usize>,
    pub(super) asked: Mutex<usize>,
    pub(super) mock: bool,
}

impl Courier for FakeCourier {
    fn status<'a>(&'a self, _: &'a Case, _: &'a str) -> BoxFuture<'a, Option<HashStatus>> {
        *self.asked.lock().unwrap() += 1;
        std::future::ready(self.status.lock().unwrap().clone()).boxed()
    }

    fn send<'a>(&'a self, case: &'a Case, flight: &'a Flight) -> BoxFuture<'a, Sent> {
        let act = self.acts.lock().unwrap().pop_front().unwrap_or(Act::Cut);
        let report = |word: Word| Report::new(flight.lease(), word.as_str());
        let sent = match act {
            Act::NotNow => Sent::NotNow(Duration::from_secs(5)),
            Act::Confirm(hash) => {
                let mut report = report(Word::Settled);
                report.tx_hash = Some(hash.to_owned());
                Sent::Answered(Box::new(report))
            }
            Act::Refuse => Sent::Answered(Box::new(
                report(Word::Refused).because("insufficient_balance", Class::Final),
            )),
            Act::Cut => Sent::Answered(Box::new(report(Word::Unknown).because("reset", Class::Unknown))),
        };
        if !matches!(sent, Sent::NotNow(_)) {
            *self.sent.lock().unwrap() += 1;
            assert!(
                case.payment.signature.reveal().starts_with("0x8c40"),
                "the identical payment"
            );
        }
        std::future::ready(sent).boxed()
    }

    fn is_mock(&self) -> bool {
        self.mock
    }
}

/// What was recorded of settled payments, transfers and the scan.
#[derive(Default)]
pub(super) struct FakeArchive {
    pub(super) unproven: Mutex<Vec<Unproven>>,
    pub(super) confirmations: Mutex<Vec<Confirmation>>,
    /// Something was confirmed.
    pub(super) confirmed: Notify,
    pub(super) transfers: Mutex<Vec<Transfer>>,
    /// No payment names these transfers yet.
    pub(super) nobodys: Mutex<bool>,
    /// Transfers that were offered, each time.
    pub(super) offers: Mutex<usize>,
    pub(super) targets: Mutex<Vec<ScanTarget>>,
    /// How often they were read.
    pub(super) targets_read: Mutex<usize>,
    pub(super) cursor: Mutex<Option<Cursor>>,
    /// Another sidecar has the scan.
    pub(super) taken: Mutex<bool>,
}

impl Archive for FakeArchive {
    fn unproven<'a>(
        &'a self,
        _: &'a str,
        _: Option<u64>,
        _: Option<u64>,
        after: Option<Uuid>,
        batch: usize,
    ) -> Answer<'a, Vec<Unproven>> {
        let all = self.unproven.lock().unwrap();
        let later = all.iter().filter(|one| after.is_none_or(|after| one.id > after));
        ok(later.take(batch).cloned().collect())
    }

    fn confirm<'a>(&'a self, confirmations: &'a [Confirmation]) -> Answer<'a, usize> {
        self.confirmations
            .lock()
            .unwrap()
            .extend_from_slice(confirmations);
        self.confirmed.notify_one();
        ok(confirmations.len())
    }

    fn scan_claim<'a>(&'a self, _: &'a str, _: Duration, start: u64) -> Answer<'a, Option<Cursor>> {
        if *self.taken.lock().unwrap() {
            return ok(None);
        }
        let mut cursor = self.cursor.lock().unwrap();
        let at = cursor.get_or_insert(Cursor {
            next_block: start,
            block_hash: None,
            token: 0,
        });
        at.token += 1;
        ok(Some(at.clone()))
    }

    fn scan_advance<'a>(&'a self, _: &'a str, cursor: &'a Cursor, _: Duration) -> Answer<'a, bool> {
        let mut kept = self.cursor.lock().unwrap();
        let held =
            kept.as_ref().is_some_and(|kept| kept.token == cursor.token) && !*self.taken.lock().unwrap();
        if held {
            *kept = Some(cursor.clone());
        }
        ok(held)
    }

    fn scan_targets<'a>(&'a self, _: &'a str) -> Answer<'a, Vec<ScanTarget>> {
        *self.targets_read.lock().unwrap() += 1;
        ok(self.targets.lock().unwrap().clone())
    }

    fn record_transfers<'a>(&'a self, transfers: &'a [Transfer]) -> Answer<'a, Vec<Matched>> {
        let nobodys = *self.nobodys.lock().unwrap();
        *self.offers.lock().unwrap() += transfers.len();
        if !nobodys {
            self.transfers.lock().unwrap().extend_from_slice(transfers);
        }
        let matched = |one: &Transfer| Matched {
            id: Uuid::nil(),
            status: "settled".to_owned(),
            applied: true,
            tx_hash: one.tx_hash.clone(),
            log_index: one.log_index,
        };
        ok(transfers.iter().filter(|_| !nobodys).map(matched).collect())
    }

    fn vouched(&self) -> Answer<'_, Vec<VouchedDomain>> {
        ok(Vec::new())
    }
}
