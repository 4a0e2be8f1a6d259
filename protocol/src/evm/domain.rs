//! The EIP-712 domain of a token.

use std::borrow::Cow;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::Eip712Domain;

/// What a token's `DOMAIN_SEPARATOR()` is made of (EIP-712, "Definition of domainSeparator"). It is a fact of
/// the chain: names in guides and SDKs are wrong for some tokens, so take it from [`crate::asset`] or read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Domain {
    /// `name` of the token's domain, exact UTF-8 (`USD₮0` is not `USDT0`).
    pub name: Cow<'static, str>,
    /// `version` of the token's domain.
    pub version: Cow<'static, str>,
    /// Chain the token lives on.
    pub chain_id: u64,
    /// The token contract.
    pub verifying_contract: Address,
}

impl Domain {
    /// The domain separator, equal to what the contract's `DOMAIN_SEPARATOR()` returns if the domain is true.
    pub fn separator(&self) -> B256 {
        self.to_alloy().separator()
    }

    pub(super) fn to_alloy(&self) -> Eip712Domain {
        Eip712Domain::new(
            Some(self.name.clone()),
            Some(self.version.clone()),
            Some(U256::from(self.chain_id)),
            Some(self.verifying_contract),
            None,
        )
    }
}
