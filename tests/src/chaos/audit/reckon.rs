use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::books::{Books, Payment};
use super::{history, money};
use crate::chaos::report::Violation;
use crate::chaos::shop::Sale;
use crate::standin::Call;
use crate::standin::chain::TransferSeen;

/// What happened outside of the ledger.
pub(in crate::chaos) struct Seen<'a> {
    pub(in crate::chaos) sales: &'a [Sale],
    /// Every transfer of the chain.
    pub(in crate::chaos) transfers: Vec<TransferSeen>,
    /// Every call of `/settle`.
    pub(in crate::chaos) calls: Vec<Call>,
    /// Sidecars that nobody killed.
    pub(in crate::chaos) ended: &'a [String],
}

/// Collects what is wrong.
pub(super) struct Findings<'a> {
    numbers: HashMap<String, usize>,
    books: &'a Books,
    pub(super) violations: Vec<Violation>,
}

impl Findings<'_> {
    pub(super) fn about(&mut self, payment: &Payment, kind: &'static str, what: impl Into<String>) {
        let number = self.numbers.get(&payment.nonce);
        let number = number.map_or("of nobody".to_owned(), ToString::to_string);
        let name = format!("payment {number} ({}, nonce {})", payment.id, payment.nonce);
        let path = self.books.events.get(&payment.id).into_iter().flatten();
        let path: Vec<_> = path.map(|event| event.to.as_str()).collect();
        self.add(
            name,
            kind,
            format!("{}; it went {}", what.into(), path.join(" → ")),
        );
    }

    pub(super) fn add(&mut self, payment: String, kind: &'static str, what: String) {
        self.violations.push(Violation { kind, payment, what });
    }
}

/// Everything that is not as it must be.
pub(in crate::chaos) fn audit(books: &Books, seen: &Seen<'_>) -> Vec<Violation> {
    let numbers = seen
        .sales
        .iter()
        .map(|sale| (sale.signed.nonce_text(), sale.number))
        .collect();
    let mut findings = Findings {
        numbers,
        books,
        violations: Vec::new(),
    };
    for ended in seen.ended {
        findings.add("no payment".to_owned(), "sidecar", ended.clone());
    }
    submissions(books, seen, &mut findings);
    money::compare(books, seen, &mut findings);
    let queued: HashSet<Uuid> = books.queued.iter().copied().collect();
    let none = Vec::new();
    for payment in &books.payments {
        let ended = matches!(payment.status.as_str(), "settled" | "failed" | "expired");
        if !ended {
            findings.about(payment, "open", format!("it is {}", payment.status));
        }
        if payment.status == "settled" && payment.finality != "finalized" {
            findings.about(
                payment,
                "open",
                format!("it is settled, and its block {}", payment.finality),
            );
        }
        if ended == queued.contains(&payment.id) {
            let not = if ended { "" } else { "not " };
            findings.about(
                payment,
                "queue",
                format!("it is {} and {not}in the queue", payment.status),
            );
        }
        let events = books.events.get(&payment.id).unwrap_or(&none);
        let calls = seen.calls.iter().filter_map(|call| call.nonce);
        let calls = calls
            .filter(|nonce| format!("{nonce:#x}") == payment.nonce)
            .count();
        history::check(payment, events, calls, &mut findings);
    }
    findings.violations
}

/// What was acknowledged is there, once.
fn submissions(books: &Books, seen: &Seen<'_>, findings: &mut Findings<'_>) {
    let mut rows: HashMap<&str, Vec<&Payment>> = HashMap::new();
    for payment in &books.payments {
        rows.entry(&payment.nonce).or_default().push(payment);
    }
    for sale in seen.sales {
        let nonce = sale.signed.nonce_text();
        let name = format!("payment {} (nonce {nonce})", sale.number);
        let rows = rows.remove(nonce.as_str()).unwrap_or_default();
        if rows.len() > 1 {
            findings.add(name.clone(), "double", format!("it has {} rows", rows.len()));
        }
        for id in sale.answers.iter().flatten() {
            if rows.iter().all(|row| row.id != *id) {
                findings.add(
                    name.clone(),
                    "lost",
                    format!("{id} was acknowledged and is not in the ledger"),
                );
            }
        }
        if let (Some(refused), [row]) = (
            sale.answers.iter().find_map(|answer| answer.as_ref().err()),
            &rows[..],
        ) {
            findings.about(
                row,
                "submission",
                format!("it was refused ({refused}) and is there"),
            );
        }
    }
    for row in rows.into_values().flatten() {
        findings.about(row, "stranger", "nobody submitted it");
    }
}
