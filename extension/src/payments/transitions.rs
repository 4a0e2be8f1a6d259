//! SQL: the transition table of the ledger, from the one place that defines it.

use insforge_protocol::ledger::{Status, TRANSITIONS, is_allowed};
use pgrx::prelude::*;

#[pg_schema]
mod x402 {
    use super::*;

    /// Every allowed move of a payment and the evidence that justifies it.
    #[pg_extern(immutable, parallel_safe)]
    fn transitions() -> TableIterator<
        'static,
        (
            name!(from_status, &'static str),
            name!(to_status, &'static str),
            name!(evidence, &'static str),
        ),
    > {
        TableIterator::new(
            TRANSITIONS
                .iter()
                .map(|t| (t.from.as_str(), t.to.as_str(), t.evidence)),
        )
    }

    /// Whether a payment may move from one status to another; false for a word that names no status.
    #[pg_extern(immutable, parallel_safe)]
    fn transition_allowed(from_status: &str, to_status: &str) -> bool {
        match (from_status.parse::<Status>(), to_status.parse::<Status>()) {
            (Ok(from), Ok(to)) => is_allowed(from, to),
            _ => false,
        }
    }
}
