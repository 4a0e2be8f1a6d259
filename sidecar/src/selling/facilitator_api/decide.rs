//! What is answered, from what is known. No I/O.

use std::time::Duration;

use insforge_protocol::ledger::Status;
use insforge_protocol::okx::{Class, VerifyAnswer};
use insforge_protocol::x402::{Reason, SettleResult};

use crate::selling::{BookError, Examined, Sale};

/// What to answer on `/verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verification {
    /// The payment is good.
    Valid,
    /// It is not: the reason's word and sentence.
    Invalid(String, String),
    /// Only the facilitator behind us can tell.
    AskRemote,
    /// Nobody can tell at present.
    Unanswered,
}

fn invalid(reason: &Reason) -> Verification {
    Verification::Invalid(reason.code().to_owned(), reason.to_string())
}

/// Judges what the ledger knows. A payment that is recorded stays valid while its outcome is open, because a
/// buyer who retries must be let through to `/settle`; once somebody was told of its success it stays valid
/// for `replay`, so that an answer lost on the way can be fetched again, and no longer, so that one payment
/// does not buy twice. `remote`: whether payments are shown to the facilitator in any case.
pub(super) fn verification(known: &Examined, replay: Duration, remote: bool) -> Verification {
    if let Some((reason, message)) = &known.refusal {
        return Verification::Invalid(reason.clone(), message.clone());
    }
    match known.status {
        None if known.indeterminate || remote => Verification::AskRemote,
        None => Verification::Valid,
        Some(Status::Failed | Status::Expired) => invalid(&Reason::DuplicateSettlement),
        Some(_) => match known.delivered_for {
            Some(since) if since > replay => invalid(&Reason::DuplicateSettlement),
            _ => Verification::Valid,
        },
    }
}

/// Joins the facilitator's verdict. One that cannot be had leaves a payment that was proven offline valid,
/// and one that was not, unanswered.
pub(super) fn with_remote(answer: Option<VerifyAnswer>, indeterminate: bool) -> Verification {
    match answer {
        Some(VerifyAnswer::Valid) => Verification::Valid,
        Some(VerifyAnswer::Invalid {
            class: Class::Final,
            reason,
        }) => Verification::Invalid(word(&reason), reason),
        Some(VerifyAnswer::Invalid { reason, .. }) if indeterminate => {
            Verification::Invalid(word(&reason), reason)
        }
        None if indeterminate => Verification::Invalid(
            "invalid_exact_evm_payload_signature".to_owned(),
            "only the chain can check this signature, and no facilitator can be asked".to_owned(),
        ),
        Some(VerifyAnswer::NoAnswer(_)) if indeterminate => Verification::Unanswered,
        Some(VerifyAnswer::Invalid { .. } | VerifyAnswer::NoAnswer(_)) | None => Verification::Valid,
    }
}

/// What to answer on `/settle`.
pub(super) fn settlement(sale: &Sale) -> SettleResult {
    let transaction = sale.tx_hash.clone();
    match sale.status {
        Status::Settled => SettleResult::Done {
            transaction: transaction.unwrap_or_default(),
        },
        // Taken in for a later batch: that is a deferred payment's success, and it has no hash yet.
        Status::Accepted => SettleResult::Done {
            transaction: String::new(),
        },
        Status::Failed => {
            let words = sale.error_reason.as_deref().unwrap_or("unexpected_settle_error");
            SettleResult::Refused {
                reason: word(words),
                message: words.to_owned(),
            }
        }
        Status::Expired => SettleResult::Refused {
            reason: Reason::ValidBefore.code().to_owned(),
            message: Reason::ValidBefore.to_string(),
        },
        Status::Pending | Status::Settling | Status::Submitted | Status::Unknown | Status::Review => {
            SettleResult::Pending { transaction }
        }
    }
}

/// What to answer when the ledger did not record the payment, or may not have. Lost answers are pending and
/// never refusals.
pub(super) fn not_recorded(error: &BookError) -> SettleResult {
    match error {
        BookError::Refused { reason, message, .. } => SettleResult::Refused {
            reason: reason.clone(),
            message: message.clone(),
        },
        BookError::Unsure(_) => SettleResult::Pending { transaction: None },
        BookError::Unavailable(_) => SettleResult::Refused {
            reason: Reason::UnexpectedSettle.code().to_owned(),
            message: Reason::UnexpectedSettle.to_string(),
        },
    }
}

/// A foreign text as a reason: itself if it is one word of the usual form, else the general one.
fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain {
        text.to_owned()
    } else {
        Reason::UnexpectedSettle.code().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use insforge_protocol::okx::NoAnswer;
    use uuid::Uuid;

    use super::*;
    use crate::selling::Delivery;

    const REPLAY: Duration = Duration::from_secs(60);

    fn known(status: Option<Status>, delivered_for: Option<u64>) -> Examined {
        Examined {
            refusal: None,
            indeterminate: false,
            payer: None,
            status,
            delivered_for: delivered_for.map(Duration::from_secs),
        }
    }

    fn refused_as(verification: &Verification, code: &str) -> bool {
        matches!(verification, Verification::Invalid(reason, _) if reason == code)
    }

    #[test]
    fn a_payment_of_open_outcome_verifies_so_that_a_retry_reaches_settle() {
        for status in [
            Status::Pending,
            Status::Settling,
            Status::Submitted,
            Status::Unknown,
            Status::Review,
        ] {
            assert_eq!(
                verification(&known(Some(status), None), REPLAY, false),
                Verification::Valid
            );
        }
        // Settled while the buyer was away: nobody was told yet.
        let untold = known(Some(Status::Settled), None);
        assert_eq!(verification(&untold, REPLAY, false), Verification::Valid);
    }

    #[test]
    fn a_delivered_payment_verifies_within_the_replay_window_only() {
        let fresh = verification(&known(Some(Status::Settled), Some(59)), REPLAY, false);
        assert_eq!(fresh, Verification::Valid);
        let stale = verification(&known(Some(Status::Settled), Some(61)), REPLAY, false);
        assert!(refused_as(&stale, "duplicate_settlement"));
        let at_once = verification(&known(Some(Status::Settled), Some(1)), Duration::ZERO, false);
        assert!(refused_as(&at_once, "duplicate_settlement"));
    }

    #[test]
    fn a_closed_payment_does_not_verify_again() {
        for status in [Status::Failed, Status::Expired] {
            let verdict = verification(&known(Some(status), None), REPLAY, false);
            assert!(refused_as(&verdict, "duplicate_settlement"), "{status}");
        }
    }

    #[test]
    fn what_only_the_facilitator_can_check_is_never_valid_without_it() {
        let open = Examined {
            indeterminate: true,
            ..known(None, None)
        };
        assert_eq!(verification(&open, REPLAY, false), Verification::AskRemote);
        let no_answer = || {
            Some(VerifyAnswer::NoAnswer(NoAnswer {
                class: Class::Retryable,
                reason: "503".into(),
                retry_after: None,
            }))
        };
        assert_eq!(with_remote(no_answer(), true), Verification::Unanswered);
        assert!(refused_as(
            &with_remote(None, true),
            "invalid_exact_evm_payload_signature"
        ));
        assert_eq!(with_remote(no_answer(), false), Verification::Valid);
        let balance = Some(VerifyAnswer::Invalid {
            class: Class::Final,
            reason: "insufficient_balance".into(),
        });
        assert!(refused_as(&with_remote(balance, false), "insufficient_balance"));
    }

    #[test]
    fn no_open_outcome_is_told_as_a_refusal_and_no_refusal_as_open() {
        let sale = |status| Sale {
            id: Uuid::nil(),
            status,
            tx_hash: Some("0xab".into()),
            payer: String::new(),
            network: None,
            error_reason: Some("insufficient_balance".into()),
            delivery: Delivery::None,
        };
        for status in Status::ALL {
            let told = settlement(&sale(status));
            match status {
                Status::Settled | Status::Accepted => assert!(matches!(told, SettleResult::Done { .. })),
                Status::Failed | Status::Expired => assert!(matches!(told, SettleResult::Refused { .. })),
                _ => assert_eq!(
                    told,
                    SettleResult::Pending {
                        transaction: Some("0xab".into())
                    }
                ),
            }
        }
        assert_eq!(
            not_recorded(&BookError::Unsure("timeout".into())),
            SettleResult::Pending { transaction: None }
        );
    }

    #[test]
    fn foreign_sentences_do_not_become_reason_words() {
        assert_eq!(word("nonce_used"), "nonce_used");
        for text in ["", "invalid signature, nonce_used", "X\"}", &"a".repeat(65)] {
            assert_eq!(word(text), "unexpected_settle_error", "{text:?}");
        }
    }
}
