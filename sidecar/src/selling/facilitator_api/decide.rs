//! What is answered, from what is known. No I/O.

use std::time::Duration;

use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Reason, SettleResult};

use crate::selling::verifier::{Verdict, word};
use crate::selling::{BookError, Examined, Sale};

/// What to answer on `/verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verification {
    /// This.
    Known(Verdict),
    /// Only the facilitator behind us can tell.
    AskRemote,
}

fn invalid(reason: &Reason) -> Verification {
    Verification::Known(Verdict::Invalid(reason.code().to_owned(), reason.to_string()))
}

/// Judges what the ledger knows. A payment that is recorded stays valid while its outcome is open, because a
/// buyer who retries must be let through to `/settle`; once somebody was told of its success it stays valid
/// for `replay`, so that an answer lost on the way can be fetched again, and no longer, so that one payment
/// does not buy twice. `remote`: whether payments are shown to the facilitator in any case.
pub(super) fn verification(known: &Examined, replay: Duration, remote: bool) -> Verification {
    if let Some((reason, message)) = &known.refusal {
        return Verification::Known(Verdict::Invalid(reason.clone(), message.clone()));
    }
    let valid = Verification::Known(Verdict::Valid);
    match known.status {
        _ if known.indeterminate => Verification::AskRemote,
        None if remote => Verification::AskRemote,
        None => valid,
        Some(Status::Failed | Status::Expired) => invalid(&Reason::DuplicateSettlement),
        Some(_) => match known.delivered_for {
            Some(since) if since > replay => invalid(&Reason::DuplicateSettlement),
            _ => valid,
        },
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

#[cfg(test)]
mod tests {
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
        matches!(verification, Verification::Known(Verdict::Invalid(reason, _)) if reason == code)
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
                Verification::Known(Verdict::Valid)
            );
        }
        // Settled while the buyer was away: nobody was told yet.
        let untold = known(Some(Status::Settled), None);
        assert_eq!(
            verification(&untold, REPLAY, false),
            Verification::Known(Verdict::Valid)
        );
    }

    #[test]
    fn a_delivered_payment_verifies_within_the_replay_window_only() {
        let fresh = verification(&known(Some(Status::Settled), Some(59)), REPLAY, false);
        assert_eq!(fresh, Verification::Known(Verdict::Valid));
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
        let recorded = Examined {
            indeterminate: true,
            ..known(Some(Status::Settled), None)
        };
        assert_eq!(
            verification(&recorded, REPLAY, false),
            Verification::AskRemote,
            "a forged copy, perhaps"
        );
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
}
