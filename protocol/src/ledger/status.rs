use std::fmt;
use std::str::FromStr;

/// Where a payment stands. The same words are used in SQL, metrics, documentation and pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Recorded and judged valid; no settlement is under way.
    Pending,
    /// The intent to settle is committed; a call to the facilitator may be under way.
    Settling,
    /// The facilitator named a transaction; it is not proven yet.
    Submitted,
    /// The transfer is proven (or, in mock mode, pretended). Terminal.
    Settled,
    /// A settlement may have taken effect; only evidence closes it. Never a failure.
    Unknown,
    /// Taken in by the facilitator for a later batch (`aggr_deferred`).
    Accepted,
    /// Proven or definitely refused: no money moved and none can. Terminal.
    Failed,
    /// The authorization ran out unused. Terminal.
    Expired,
    /// Evidence contradicts the books; a person decides.
    Review,
}

impl Status {
    /// Every status, in the order of the table in `docs/state-machine.md`.
    pub const ALL: [Status; 9] = [
        Status::Pending,
        Status::Settling,
        Status::Submitted,
        Status::Settled,
        Status::Unknown,
        Status::Accepted,
        Status::Failed,
        Status::Expired,
        Status::Review,
    ];

    /// The word used in SQL, JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Settling => "settling",
            Status::Submitted => "submitted",
            Status::Settled => "settled",
            Status::Unknown => "unknown",
            Status::Accepted => "accepted",
            Status::Failed => "failed",
            Status::Expired => "expired",
            Status::Review => "review",
        }
    }

    /// Whether the worker is done with the payment. Terminal rows change only on chain evidence that
    /// contradicts them, see [`super::TRANSITIONS`].
    pub const fn is_terminal(self) -> bool {
        matches!(self, Status::Settled | Status::Failed | Status::Expired)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown payment status {0:?}")]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Status::ALL
            .into_iter()
            .find(|s| s.as_str() == word)
            .ok_or_else(|| UnknownStatus(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_read_back_from_its_own_word() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("paid".parse::<Status>().is_err());
    }
}
