//! Which EIP-712 domain a token is held to.

use std::borrow::Cow;

use alloy_primitives::Address;

use super::table::{Standing, asset};
use crate::evm::Domain;
use crate::x402::{Network, Reason};

/// A domain the operator vouches for in the configuration, having read `DOMAIN_SEPARATOR()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VouchedDomain {
    /// Chain of the token.
    pub network: Network,
    /// Token contract.
    pub asset: Address,
    /// `name` of the EIP-712 domain.
    pub name: String,
    /// `version` of the EIP-712 domain.
    pub version: String,
}

/// The domain under which `token` checks signatures: the table's if it was read from the chain, else the
/// operator's word, else none. The table wins because most wrong domains in the wild are copied from guides.
///
/// Errors: [`Reason::UnknownAsset`], [`Reason::UnverifiedAsset`].
pub fn true_domain(network: Network, token: Address, vouched: &[VouchedDomain]) -> Result<Domain, Reason> {
    let listed = asset(network, token);
    if let Some(entry) = listed.filter(|entry| entry.standing == Standing::Onchain) {
        return Ok(entry.domain());
    }
    match vouched
        .iter()
        .find(|entry| entry.network == network && entry.asset == token)
    {
        Some(entry) => Ok(Domain {
            name: Cow::Owned(entry.name.clone()),
            version: Cow::Owned(entry.version.clone()),
            chain_id: network.chain_id(),
            verifying_contract: token,
        }),
        None if listed.is_some() => Err(Reason::UnverifiedAsset {
            network,
            asset: token,
        }),
        None => Err(Reason::UnknownAsset {
            network,
            asset: token,
        }),
    }
}
