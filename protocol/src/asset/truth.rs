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

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;

    const NATIVE_USDC: Address = address!("b6ceceab302e2e4948951ee7843fc24e92933061");
    const USDG: Address = address!("4ae46a509f6b1d9056937ba4500cb143933d2dc8");

    fn vouch(asset: Address, name: &str, version: &str) -> VouchedDomain {
        VouchedDomain {
            network: Network::X_LAYER,
            asset,
            name: name.into(),
            version: version.into(),
        }
    }

    #[test]
    fn a_domain_read_from_the_chain_is_true_whatever_the_configuration_says() {
        let wrong = [vouch(USDG, "USDG", "2")];
        let domain = true_domain(Network::X_LAYER, USDG, &wrong).unwrap();
        assert_eq!((&*domain.name, &*domain.version), ("Global Dollar", "1"));
    }

    #[test]
    fn an_unverified_or_unknown_token_needs_the_operators_word() {
        let x_layer = Network::X_LAYER;
        let asset = NATIVE_USDC;
        let unverified = Err(Reason::UnverifiedAsset {
            network: x_layer,
            asset,
        });
        assert_eq!(true_domain(x_layer, asset, &[]), unverified);
        let word = [vouch(asset, "USDC", "2")];
        assert_eq!(
            true_domain(x_layer, asset, &word).unwrap().verifying_contract,
            asset
        );

        let asset = Address::repeat_byte(9);
        assert_eq!(
            true_domain(x_layer, asset, &word),
            Err(Reason::UnknownAsset {
                network: x_layer,
                asset
            })
        );
        let base = Network::new(8453);
        let elsewhere = [vouch(asset, "Token", "1")];
        assert_eq!(
            true_domain(base, asset, &elsewhere),
            Err(Reason::UnknownAsset { network: base, asset })
        );
    }
}
