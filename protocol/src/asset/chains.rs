//! Chains: their names, public RPC endpoints and block explorers.

use alloy_primitives::B256;

use crate::x402::Network;

/// A chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Its CAIP-2 identity.
    pub network: Network,
    /// Name for people.
    pub name: &'static str,
    /// Name in the ledger's `chain` column, the one InsForge's guide stores.
    pub short_name: &'static str,
    /// Public JSON-RPC endpoints, the preferred first; rate-limited, for small use.
    pub rpc: &'static [&'static str],
    /// Address of a transaction's page; `{h}` stands for the hash.
    pub explorer: Option<&'static str>,
}

const fn known(
    id: u64,
    name: &'static str,
    short_name: &'static str,
    rpc: &'static [&'static str],
    explorer: Option<&'static str>,
) -> Chain {
    Chain {
        network: Network::new(id),
        name,
        short_name,
        rpc,
        explorer,
    }
}

/// Chains we know.
pub const CHAINS: &[Chain] = &[
    known(
        196,
        "X Layer",
        "xlayer",
        &["https://rpc.xlayer.tech", "https://xlayerrpc.okx.com"],
        Some("https://www.okx.com/web3/explorer/xlayer/tx/{h}"),
    ),
    known(
        1952,
        "X Layer testnet",
        "xlayer-testnet",
        &[
            "https://testrpc.xlayer.tech/terigon",
            "https://xlayertestrpc.okx.com/terigon",
        ],
        Some("https://www.okx.com/web3/explorer/xlayer-test/tx/{h}"),
    ),
    known(
        8453,
        "Base",
        "base",
        &["https://mainnet.base.org"],
        Some("https://basescan.org/tx/{h}"),
    ),
    known(
        84_532,
        "Base Sepolia",
        "base-sepolia",
        &["https://sepolia.base.org"],
        Some("https://sepolia.basescan.org/tx/{h}"),
    ),
    known(
        10,
        "Optimism",
        "optimism",
        &["https://mainnet.optimism.io"],
        Some("https://optimistic.etherscan.io/tx/{h}"),
    ),
    known(
        42_161,
        "Arbitrum One",
        "arbitrum",
        &["https://arb1.arbitrum.io/rpc"],
        Some("https://arbiscan.io/tx/{h}"),
    ),
    known(
        137,
        "Polygon",
        "polygon",
        &["https://polygon-rpc.com"],
        Some("https://polygonscan.com/tx/{h}"),
    ),
    known(
        1,
        "Ethereum",
        "ethereum",
        &[],
        Some("https://etherscan.io/tx/{h}"),
    ),
    known(43_114, "Avalanche", "avalanche", &[], None),
    known(143, "Monad", "monad", &[], None),
    known(988, "Stable", "stable", &[], None),
    known(2201, "Stable testnet", "stable-testnet", &[], None),
];

/// The chain, if we know it.
pub fn chain(network: Network) -> Option<&'static Chain> {
    CHAINS.iter().find(|chain| chain.network == network)
}

/// Page of a transaction. `None` for a chain without a known explorer: a wrong link is worse than none.
pub fn explorer_link(network: Network, hash: B256) -> Option<String> {
    chain(network)?
        .explorer
        .map(|template| template.replace("{h}", &format!("{hash:#x}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::ASSETS;

    #[test]
    fn a_settled_payment_links_to_its_chains_explorer() {
        let hash = B256::repeat_byte(0xab);
        let link = explorer_link(Network::X_LAYER, hash);
        assert_eq!(
            link,
            Some(format!(
                "https://www.okx.com/web3/explorer/xlayer/tx/0x{}",
                "ab".repeat(32)
            ))
        );
        assert_eq!(explorer_link(Network::new(424_242), hash), None);
    }

    #[test]
    fn short_names_are_networks_and_every_token_has_its_chain() {
        for chain in CHAINS {
            assert_eq!(chain.short_name.parse(), Ok(chain.network));
        }
        assert!(ASSETS.iter().all(|asset| chain(asset.network).is_some()));
    }
}
