//! SQL: the rules that lead from a report to a status, from the one place that defines them.

use insforge_protocol::ledger::{Reported, Status, Word, next_status, seen_status};
use insforge_protocol::okx::Class;
use pgrx::prelude::*;

const CLASSES: [Class; 5] = [
    Class::Final,
    Class::Retryable,
    Class::InFlight,
    Class::Unknown,
    Class::Config,
];

#[pg_schema]
mod x402 {
    use super::*;

    /// The status a worker's report leads to; a word that is not known leaves the payment open. NULL
    /// where `from_status` names no status.
    #[pg_extern(immutable, parallel_safe)]
    fn _next_status(
        from_status: Option<&str>,
        outcome: Option<&str>,
        class: Option<&str>,
        uncertain: Option<bool>,
        proven: Option<bool>,
        disputed: Option<bool>,
    ) -> Option<&'static str> {
        let from: Status = from_status?.parse().ok()?;
        let word = Word::ALL
            .into_iter()
            .find(|word| Some(word.as_str()) == outcome)
            .unwrap_or(Word::Unknown);
        let class = CLASSES.into_iter().find(|known| Some(known.as_str()) == class);
        let reported = Reported {
            word,
            class,
            uncertain: uncertain.unwrap_or(true),
            proven: proven.unwrap_or(false),
            disputed: disputed.unwrap_or(false),
        };
        Some(next_status(from, &reported).as_str())
    }

    /// The status of a payment whose transfer was found on the chain; NULL where it stays as it is.
    #[pg_extern(immutable, parallel_safe)]
    fn _seen_status(from_status: &str) -> Option<&'static str> {
        let from: Status = from_status.parse().ok()?;
        seen_status(from).map(Status::as_str)
    }
}
