use insforge_protocol::evidence::PaymentFacts;
use insforge_protocol::evm::tx_hash;
use insforge_protocol::x402::{Network, Payment, Reason, Requirements};

use crate::chain::Target;
use crate::settle::Claim;

/// A claimed payment that was read.
#[derive(Debug)]
pub struct Case {
    /// As it was claimed.
    pub claim: Claim,
    /// What the buyer signed.
    pub payment: Payment,
    /// What the seller asks.
    pub requirements: Requirements,
}

impl Case {
    /// Reads a claim.
    ///
    /// # Errors
    /// The [`Reason`] why what the ledger holds is no payment: it was written by something else than
    /// `x402.submit()`.
    pub fn read(claim: Claim) -> Result<Self, Box<Reason>> {
        Ok(Self {
            payment: Payment::parse(&claim.payment).map_err(Box::new)?,
            requirements: Requirements::parse(&claim.requirements).map_err(Box::new)?,
            claim,
        })
    }

    /// The chain it is paid on.
    pub fn network(&self) -> Network {
        self.requirements.network
    }

    /// What to look for on the chain, as of now.
    pub fn target(&self) -> Target {
        let facts = PaymentFacts::of(&self.payment, &self.requirements, self.claim.status);
        Target {
            facts: PaymentFacts {
                tx_hash: self.claim.tx_hash.as_deref().and_then(tx_hash),
                attempts: self.claim.attempt,
                since: self.claim.since_unix,
                now: self.claim.now(),
                ..facts
            },
            created: Some(self.claim.created_unix),
        }
    }
}
