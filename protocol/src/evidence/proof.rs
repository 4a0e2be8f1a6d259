use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use super::Finality;

/// What settles a payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The transaction.
    pub tx_hash: B256,
    /// Where the transfer stands in the chain; `None` where the facilitator's word is all there is.
    pub place: Option<Place>,
    /// How settled the block is.
    pub finality: Finality,
    /// What the ledger keeps: an object without secrets.
    pub evidence: Value,
}

/// A transfer's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Position of the transfer's log within the block.
    pub log_index: u64,
    /// Height of the block.
    pub block_number: u64,
    /// The block.
    pub block_hash: B256,
}

/// Why nothing is decided yet. Each is a state that an operator may ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// No endpoint answers.
    ChainDown,
    /// An endpoint answers, but not what is needed.
    ChainSilent,
    /// Endpoints, or the answers of one, contradict each other.
    Disagreement,
    /// One endpoint says it; a second one must agree.
    SecondEndpoint,
    /// The chain says it in a block that may still go.
    NotFinal,
    /// The named transaction may still be mined.
    InFlight,
    /// The authorization is over, or nearly, and no final block says that it was not used.
    RunningOut,
    /// The nonce is used, and the event that says how was not found.
    UsedNotFound,
    /// A deferred payment is paid when the facilitator's batch is.
    Deferred,
    /// There is no endpoint to ask: only the facilitator's word can close this, or a person.
    NoChain,
    /// As many attempts were made as are allowed.
    AttemptsSpent,
    /// The payment is closed, and nothing new is known.
    Closed,
}

/// Why a person has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Oddity {
    /// The money arrived after the payment had been closed as unpaid.
    LateMoney,
    /// The nonce is used, but no transfer of it is what was signed.
    UsedWithoutTransfer,
}

impl Wait {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::ChainDown,
        Self::ChainSilent,
        Self::Disagreement,
        Self::SecondEndpoint,
        Self::NotFinal,
        Self::InFlight,
        Self::RunningOut,
        Self::UsedNotFound,
        Self::Deferred,
        Self::NoChain,
        Self::AttemptsSpent,
        Self::Closed,
    ];

    /// The word in evidence and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChainDown => "chain_down",
            Self::ChainSilent => "chain_silent",
            Self::Disagreement => "disagreement",
            Self::SecondEndpoint => "second_endpoint",
            Self::NotFinal => "not_final",
            Self::InFlight => "in_flight",
            Self::RunningOut => "running_out",
            Self::UsedNotFound => "used_not_found",
            Self::Deferred => "deferred",
            Self::NoChain => "no_chain",
            Self::AttemptsSpent => "attempts_spent",
            Self::Closed => "closed",
        }
    }
}

impl Oddity {
    /// The word in evidence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LateMoney => "late_money",
            Self::UsedWithoutTransfer => "used_without_transfer",
        }
    }
}

/// Evidence of an event of the authorization, as seen by these endpoints.
pub(super) fn event_evidence(
    what: &'static str,
    tx_hash: B256,
    block: (u64, B256),
    finality: Finality,
    endpoints: &[&str],
    submitter: Option<Address>,
) -> Value {
    let mut chain = json!({
        "event": what,
        "tx_hash": format!("{tx_hash:#x}"),
        "block_number": block.0,
        "block_hash": format!("{:#x}", block.1),
        "finality": finality.as_str(),
        "endpoints": endpoints,
    });
    if let Some(submitter) = submitter {
        chain["submitter"] = json!(format!("{submitter:#x}"));
    }
    json!({ "chain": chain })
}
