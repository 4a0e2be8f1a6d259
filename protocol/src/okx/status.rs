//! Answers of `settle/status`. `success` in it says that the query found the transaction, not that it paid.

use alloy_primitives::B256;

use super::answer::{ABOUT_ANOTHER, Answer, Asked};
use super::meaning::Class;
use super::outcome::Call;
use super::verify::{NoAnswer, open_envelope};

/// What OKX says about a transaction. None of it closes a payment without the chain, except that an operator
/// without a chain endpoint may trust [`HashStatus::Succeeded`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashStatus {
    /// Confirmed by OKX: check the receipt.
    Succeeded,
    /// Not confirmed yet: ask again.
    Pending,
    /// OKX says it failed: check the receipt and whether the nonce is used; another transaction may have paid.
    Failed {
        /// OKX's own words.
        reason: Option<String>,
    },
    /// OKX does not know the hash, which is usual right after sending: ask again, then ask the chain.
    NotFound,
    /// No answer, or none about this hash: ask again.
    NoAnswer(NoAnswer),
}

/// Reads what happened on a call of `settle/status` for `hash`.
pub fn hash_status(asked: &Asked, hash: B256, call: &Call) -> HashStatus {
    let envelope = match open_envelope(call) {
        Ok(envelope) => envelope,
        Err(no_answer) => return HashStatus::NoAnswer(no_answer),
    };
    let answer = Answer::read(&envelope);
    let other_hash = answer.hash().is_some_and(|named| named != hash);
    if answer.contradicts(asked) || other_hash {
        let reason = ABOUT_ANOTHER.to_owned();
        return HashStatus::NoAnswer(NoAnswer {
            class: Class::Unknown,
            reason,
            retry_after: None,
        });
    }
    match (answer.success, answer.status.as_deref()) {
        (Some(true), Some("success")) => HashStatus::Succeeded,
        (Some(true), Some("failed")) => HashStatus::Failed { reason: answer.why() },
        (Some(true), _) => HashStatus::Pending,
        (Some(false), _) => HashStatus::NotFound,
        (None, _) => {
            let reason = answer.why().unwrap_or_else(|| "empty answer".to_owned());
            HashStatus::NoAnswer(NoAnswer {
                class: Class::Unknown,
                reason,
                retry_after: None,
            })
        }
    }
}
