use super::Status::{self, *};

/// One allowed move and the evidence that justifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Status before the move.
    pub from: Status,
    /// Status after the move.
    pub to: Status,
    /// What must be known before the move is made.
    pub evidence: &'static str,
}

const fn allow(from: Status, to: Status, evidence: &'static str) -> Transition {
    Transition { from, to, evidence }
}

/// Every allowed move. What is not listed is refused by the database.
pub const TRANSITIONS: &[Transition] = &[
    allow(
        Pending,
        Settling,
        "intent committed under a live lease, before the call",
    ),
    allow(
        Pending,
        Settled,
        "chain: somebody else submitted the authorization and the transfer matches",
    ),
    allow(
        Pending,
        Failed,
        "definite refusal, cancellation on chain or by an operator; no call was ever sent",
    ),
    allow(Pending, Expired, "validBefore passed and no call was ever sent"),
    allow(
        Settling,
        Pending,
        "the call was certainly not sent, and no earlier attempt ended unknown",
    ),
    allow(Settling, Submitted, "the facilitator named the transaction"),
    allow(
        Settling,
        Settled,
        "the facilitator confirmed the transaction, or mock mode pretended it",
    ),
    allow(Settling, Accepted, "the facilitator took a deferred payment in"),
    allow(
        Settling,
        Failed,
        "final refusal, and no earlier attempt ended unknown",
    ),
    allow(
        Settling,
        Unknown,
        "anything else: cut, timeout, 5xx, unreadable answer, lease lost",
    ),
    allow(
        Submitted,
        Settled,
        "receipt and logs, or the facilitator's confirmation",
    ),
    allow(Submitted, Unknown, "the transaction vanished or reverted"),
    allow(
        Submitted,
        Failed,
        "chain: the authorization was cancelled; or written off",
    ),
    allow(
        Submitted,
        Expired,
        "chain: unused at a final block past validBefore",
    ),
    allow(
        Submitted,
        Review,
        "chain: used, but no matching transfer; or the proof belongs to another payment",
    ),
    allow(
        Unknown,
        Settling,
        "the same authorization is sent again, intent committed first",
    ),
    allow(Unknown, Submitted, "a transaction was found; not proven yet"),
    allow(
        Unknown,
        Settled,
        "receipt and logs, or the facilitator's confirmation",
    ),
    allow(
        Unknown,
        Failed,
        "chain: the authorization was cancelled; or written off",
    ),
    allow(
        Unknown,
        Expired,
        "chain: unused at a final block past validBefore",
    ),
    allow(
        Unknown,
        Review,
        "chain: used, but no matching transfer; or the proof belongs to another payment",
    ),
    allow(Accepted, Settled, "incoming transfer matched"),
    allow(Accepted, Failed, "written off by an operator"),
    allow(Accepted, Review, "incoming transfers do not match"),
    allow(Settled, Submitted, "reorganisation before finality"),
    allow(
        Failed,
        Review,
        "money arrived late: the transfer was found on chain",
    ),
    allow(
        Expired,
        Review,
        "money arrived late: the transfer was found on chain",
    ),
    allow(Review, Settled, "an operator accepts the evidence"),
    allow(Review, Failed, "written off by an operator"),
    allow(Review, Unknown, "an operator sends it back to reconciliation"),
];

/// Whether a payment may move from one status to the other.
pub fn is_allowed(from: Status, to: Status) -> bool {
    TRANSITIONS.iter().any(|t| t.from == from && t.to == to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_move_is_listed_twice_and_none_stays_in_place() {
        let mut seen = HashSet::new();
        for t in TRANSITIONS {
            assert!(
                seen.insert((t.from, t.to)),
                "{} → {} is listed twice",
                t.from,
                t.to
            );
            assert_ne!(t.from, t.to);
        }
    }

    #[test]
    fn a_failed_or_expired_payment_is_only_reopened_for_a_person_to_look_at() {
        for from in [Failed, Expired] {
            let targets: Vec<_> = TRANSITIONS
                .iter()
                .filter(|t| t.from == from)
                .map(|t| t.to)
                .collect();
            assert_eq!(targets, [Review]);
        }
    }

    #[test]
    fn an_unknown_payment_never_becomes_pending_again() {
        assert!(!is_allowed(Unknown, Pending));
    }

    #[test]
    fn every_status_but_terminal_ones_can_reach_a_terminal_status() {
        for status in Status::ALL {
            let mut reached = HashSet::from([status]);
            loop {
                let next: Vec<_> = TRANSITIONS
                    .iter()
                    .filter(|t| reached.contains(&t.from))
                    .map(|t| t.to)
                    .collect();
                if !next.into_iter().fold(false, |grew, s| reached.insert(s) | grew) {
                    break;
                }
            }
            assert!(reached.iter().any(|s| s.is_terminal()), "{status} is a dead end");
        }
    }
}
