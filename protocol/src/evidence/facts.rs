use alloy_primitives::{Address, B256, U256};

use super::Finality;
use crate::contract::SETTLE_MARGIN_SECONDS;
use crate::ledger::Status;
use crate::x402::{Payment, Requirements, Scheme};

/// What the ledger holds about a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFacts {
    /// Where it stands.
    pub status: Status,
    /// How it is paid.
    pub scheme: Scheme,
    /// The token contract.
    pub token: Address,
    /// The payer.
    pub from: Address,
    /// The payee.
    pub pay_to: Address,
    /// Amount in the token's smallest unit.
    pub value: U256,
    /// The authorization's nonce.
    pub nonce: B256,
    /// Unix seconds; from then on the token refuses the authorization.
    pub valid_before: U256,
    /// The transaction that was named last.
    pub tx_hash: Option<B256>,
    /// Intents to settle so far.
    pub attempts: u32,
    /// Unix seconds, by the database's clock, since when it has its status.
    pub since: u64,
    /// Unix seconds, by the database's clock.
    pub now: u64,
    /// What is recorded of a settled payment's proof.
    pub recorded: Recorded,
}

/// The proof that a settled payment was recorded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Height of the block; `None` where the facilitator's word was all there was.
    pub block_number: Option<u64>,
    /// How settled it was when last looked at.
    pub finality: Finality,
}

/// By which measure evidence counts; the operator's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Endpoints that are configured. With two or more, two must agree before a payment is closed as unpaid.
    pub endpoints: usize,
    /// Endpoints that must agree before a payment counts as settled.
    pub proving: usize,
    /// How settled the block of a transfer must be before the payment counts as settled.
    pub settle_at: Finality,
    /// Seconds for which a named transaction may be missing before the same payment is sent again.
    pub patience: u64,
    /// Most intents to settle one payment.
    pub attempts: u32,
}

impl Rules {
    /// What holds unless the operator says otherwise.
    pub const DEFAULT: Self = Self {
        endpoints: 1,
        proving: 1,
        settle_at: Finality::Latest,
        patience: 30,
        attempts: 20,
    };

    /// Endpoints that must agree before a payment is closed as unpaid.
    pub fn disproving(&self) -> usize {
        self.endpoints.clamp(1, 2)
    }
}

impl PaymentFacts {
    /// The facts of an open payment as signed and as asked for; history is added by whoever knows it.
    pub fn of(payment: &Payment, requirements: &Requirements, status: Status) -> Self {
        let signed = &payment.authorization;
        Self {
            status,
            scheme: payment.scheme.clone(),
            token: requirements.asset,
            from: signed.from,
            pay_to: signed.to,
            value: signed.value,
            nonce: signed.nonce,
            valid_before: signed.valid_before,
            tx_hash: None,
            attempts: 0,
            since: 0,
            now: 0,
            recorded: Recorded {
                block_number: None,
                finality: Finality::None,
            },
        }
    }

    /// Whether the authorization still lives long enough at `time` for a settlement to be started.
    pub fn may_be_sent(&self, time: u64) -> bool {
        let soonest_end = time.saturating_add(SETTLE_MARGIN_SECONDS);
        self.valid_before > U256::from(soonest_end)
    }

    /// Whether a block of this time, and every later one, refuses the authorization.
    pub fn is_over(&self, block_time: u64) -> bool {
        U256::from(block_time) >= self.valid_before
    }
}
