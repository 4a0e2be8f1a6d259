use super::Status::{self, *};
use super::is_allowed;
use crate::okx::Class;

/// What a worker reports of a payment it holds; `outcome` in `x402.finish`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// The transfer is proven by the chain, or confirmed by the facilitator.
    Settled,
    /// A transaction was named; it is not proven yet.
    Submitted,
    /// A deferred payment was taken in.
    Accepted,
    /// The facilitator refused.
    Refused,
    /// The call was certainly not sent.
    NotSent,
    /// The call may have taken effect, or what was known about it has vanished.
    Unknown,
    /// `validBefore` passed and no call was ever sent.
    Expired,
    /// Nothing new was learnt.
    Waiting,
    /// Chain: the payer cancelled the authorization, in a block that is final.
    Canceled,
    /// Chain: unused at a final block past `validBefore`.
    Lapsed,
    /// Chain: used, but no transfer of it matches.
    Contradicted,
}

impl Word {
    /// Every word.
    pub const ALL: [Self; 11] = [
        Self::Settled,
        Self::Submitted,
        Self::Accepted,
        Self::Refused,
        Self::NotSent,
        Self::Unknown,
        Self::Expired,
        Self::Waiting,
        Self::Canceled,
        Self::Lapsed,
        Self::Contradicted,
    ];

    /// The word in SQL and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Submitted => "submitted",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Waiting => "waiting",
            Self::Canceled => "canceled",
            Self::Lapsed => "lapsed",
            Self::Contradicted => "contradicted",
        }
    }
}

/// A report with what the ledger knows besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// The outcome.
    pub word: Word,
    /// Class of a refusal or failure.
    pub class: Option<Class>,
    /// An earlier attempt ended unknown.
    pub uncertain: bool,
    /// A transaction is named that no other payment owns (or mock mode pretends one).
    pub proven: bool,
    /// The very log that is named as proof proves another payment already.
    pub disputed: bool,
}

/// The status a report leads to: what `x402.finish` does, rule for rule (a test of the extension holds the two
/// together). After one attempt of unknown outcome a refusal proves nothing: it may say "nonce used" because
/// that attempt paid. A report that makes no sense for the status leaves the payment open, never closes it.
pub fn next_status(from: Status, reported: &Reported) -> Status {
    let wanted = wanted(from, reported);
    if wanted != Settling && (wanted == from || is_allowed(from, wanted)) {
        wanted
    } else if from == Settling || is_allowed(from, Unknown) {
        Unknown
    } else {
        from
    }
}

fn wanted(from: Status, reported: &Reported) -> Status {
    let Reported {
        word,
        class,
        uncertain,
        proven,
        disputed,
    } = *reported;
    // Only of a payment that nobody may be settling does a refusal, or the clock, say anything.
    let unsent = !uncertain && matches!(from, Pending | Settling);
    match word {
        Word::Waiting => from,
        Word::Settled if proven => Settled,
        Word::Submitted if proven => Submitted,
        Word::Settled if disputed => Review,
        Word::Accepted => Accepted,
        Word::Canceled => Failed,
        Word::Lapsed => Expired,
        Word::Contradicted => Review,
        Word::Expired if unsent => Expired,
        Word::Refused | Word::NotSent if unsent && class == Some(Class::Final) => Failed,
        Word::NotSent if unsent => Pending,
        _ => Unknown,
    }
}

/// The status of a payment whose transfer was found on the chain, whoever sent it; `None` where the payment
/// stays as it is: `settling` belongs to its worker, and what is settled or in review needs nothing more.
pub const fn seen_status(from: Status) -> Option<Status> {
    match from {
        Pending | Submitted | Unknown | Accepted => Some(Settled),
        Failed | Expired => Some(Review),
        Settling | Settled | Review => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [Option<Class>; 6] = [
        None,
        Some(Class::Final),
        Some(Class::Retryable),
        Some(Class::InFlight),
        Some(Class::Unknown),
        Some(Class::Config),
    ];

    /// Every input with a status that a worker can hold.
    fn every_input() -> impl Iterator<Item = (Status, Reported)> {
        let held = [Pending, Settling, Submitted, Unknown, Accepted];
        let flags = (0..8).map(|bits| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0));
        held.into_iter().flat_map(move |from| {
            let flags = flags.clone();
            Word::ALL.into_iter().flat_map(move |word| {
                let flags = flags.clone();
                CLASSES.into_iter().flat_map(move |class| {
                    flags.clone().map(move |(uncertain, proven, disputed)| {
                        let reported = Reported {
                            word,
                            class,
                            uncertain,
                            proven,
                            disputed,
                        };
                        (from, reported)
                    })
                })
            })
        })
    }

    #[test]
    fn no_report_makes_a_move_that_the_database_would_refuse() {
        for (from, reported) in every_input() {
            let to = next_status(from, &reported);
            assert!(
                to == from || is_allowed(from, to),
                "{from} → {to} on {reported:?}"
            );
            assert_ne!(to, Settling, "no outcome is an intent: {from} on {reported:?}");
        }
    }

    #[test]
    fn after_an_unknown_attempt_only_the_chain_ends_a_payment_unpaid() {
        for (from, reported) in every_input().filter(|(_, reported)| reported.uncertain) {
            let to = next_status(from, &reported);
            let by_chain = matches!(reported.word, Word::Canceled | Word::Lapsed);
            assert!(
                !matches!(to, Failed | Expired) || by_chain,
                "{from} → {to} on {reported:?}"
            );
        }
    }

    #[test]
    fn nothing_is_settled_without_a_transaction_of_its_own() {
        for (from, reported) in every_input().filter(|(_, reported)| !reported.proven) {
            assert_ne!(next_status(from, &reported), Settled, "{from} on {reported:?}");
        }
    }

    #[test]
    fn a_deferred_payment_never_ends_by_time_or_by_refusal() {
        for (_, reported) in every_input() {
            let to = next_status(Accepted, &reported);
            if !matches!(reported.word, Word::Canceled) {
                assert!(
                    matches!(to, Accepted | Settled | Review),
                    "accepted → {to} on {reported:?}"
                );
            }
        }
    }

    #[test]
    fn a_payment_whose_attempt_is_open_is_never_offered_as_unsent() {
        for (from, reported) in every_input() {
            if next_status(from, &reported) == Pending {
                assert!(
                    from == Pending
                        || from == Settling && reported.word == Word::NotSent && !reported.uncertain,
                    "{from} → pending on {reported:?}"
                );
            }
        }
    }

    #[test]
    fn money_that_is_found_settles_what_is_open_and_reopens_what_was_closed_unpaid() {
        for from in Status::ALL {
            if let Some(to) = seen_status(from) {
                assert!(is_allowed(from, to), "{from} → {to}");
            }
        }
        assert_eq!(seen_status(Expired), Some(Review));
        assert_eq!(seen_status(Pending), Some(Settled));
    }
}
