use super::{Block, Heads, PaymentFacts, Receipt, Trace, trace};
use crate::okx::HashStatus;

/// Everything that was learnt about a payment in one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observations {
    /// What each endpoint says, one entry for each that answered. The same endpoint must not appear twice.
    pub views: Vec<View>,
    /// What the facilitator says about the transaction it named, if it was asked.
    pub facilitator: Option<HashStatus>,
}

/// A chain as one endpoint shows it, with regard to one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Name of the endpoint, without its key.
    pub endpoint: String,
    /// Its heads.
    pub heads: Heads,
    /// The transaction that the ledger names.
    pub named: Named,
    /// `authorizationState(from, nonce)` at the latest block; `None` if it was not learnt.
    pub used: Option<bool>,
    /// The same at a block that is final or comes after one.
    pub final_reading: Option<FinalReading>,
    /// Transactions in which an event of this nonce was found.
    pub by_nonce: Vec<Sighting>,
}

/// What an endpoint has under the transaction's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// No transaction is named, or it was not asked for.
    NotAsked,
    /// No receipt. It may be on its way, dropped, never sent, or not known to this endpoint yet.
    Absent,
    /// A receipt.
    Mined(Sighting),
}

/// A receipt and the block that the same endpoint has at its height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The receipt.
    pub receipt: Receipt,
    /// `eth_getBlockByNumber` at the receipt's height.
    pub block: Block,
}

/// A reading of the nonce's state at a block that was named by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalReading {
    /// Whether the nonce was used there.
    pub used: bool,
    /// Height of that block.
    pub number: u64,
}

impl Sighting {
    /// Whether the receipt's block is the one the chain has.
    pub fn is_canonical(&self) -> bool {
        self.receipt.is_in(&self.block)
    }
}

impl View {
    /// Sightings that count: of blocks the endpoint has, and not above its latest.
    pub(super) fn sightings(&self) -> impl Iterator<Item = &Sighting> {
        let named = match &self.named {
            Named::Mined(sighting) => Some(sighting),
            Named::NotAsked | Named::Absent => None,
        };
        let top = self.heads.latest().number;
        named
            .into_iter()
            .chain(&self.by_nonce)
            .filter(move |one| one.is_canonical() && one.receipt.block_number <= top)
    }

    /// Whether the named transaction is mined and does not touch the authorization: it reverted, or was never
    /// about this payment.
    pub(super) fn named_in_vain(&self, facts: &PaymentFacts) -> bool {
        match &self.named {
            Named::Mined(sighting) => {
                sighting.is_canonical() && trace(&sighting.receipt, facts) == Trace::Absent
            }
            Named::NotAsked | Named::Absent => false,
        }
    }

    /// Whether the endpoint proves that the authorization was not used and never can be: the token says so at a
    /// block that is final, or comes after one, and the final block is not older than `validBefore`. A nonce
    /// once used stays used, so a later reading covers the final block as well.
    pub(super) fn proves_unused(&self, facts: &PaymentFacts) -> bool {
        let (Some(last), Some(reading)) = (self.heads.finalized(), self.final_reading) else {
            return false;
        };
        let within = (last.number..=self.heads.latest().number).contains(&reading.number);
        within && !reading.used && facts.is_over(last.timestamp)
    }
}
