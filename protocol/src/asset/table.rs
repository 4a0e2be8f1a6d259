//! Tokens with EIP-3009 and the EIP-712 domains they sign under.

use std::borrow::Cow;

use alloy_primitives::{Address, address};

use crate::evm::Domain;
use crate::x402::Network;

/// What an entry's domain rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Equals `DOMAIN_SEPARATOR()` as read from the contract.
    Onchain,
    /// Computed from the name and version in SDK constants; the chain was not read.
    SdkConstant,
    /// A best guess; not to be used before the chain was read.
    Candidate,
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Symbol for people.
    pub symbol: &'static str,
    /// Chain it lives on.
    pub network: Network,
    /// Token contract.
    pub address: Address,
    /// Decimal places of the displayed amount; amounts on the wire are in the smallest unit.
    pub decimals: u8,
    /// `name` of the EIP-712 domain.
    pub name: &'static str,
    /// `version` of the EIP-712 domain.
    pub version: &'static str,
    /// What name and version rest on.
    pub standing: Standing,
}

impl Asset {
    /// The domain this entry states, whatever its standing.
    pub const fn domain(&self) -> Domain {
        Domain {
            name: Cow::Borrowed(self.name),
            version: Cow::Borrowed(self.version),
            chain_id: self.network.chain_id(),
            verifying_contract: self.address,
        }
    }
}

/// Every token so far has six decimals.
const fn token(
    symbol: &'static str,
    chain_id: u64,
    address: Address,
    name: &'static str,
    version: &'static str,
    standing: Standing,
) -> Asset {
    Asset {
        symbol,
        network: Network::new(chain_id),
        address,
        decimals: 6,
        name,
        version,
        standing,
    }
}

use Standing::{Candidate, Onchain, SdkConstant};

/// Tokens we know.
#[rustfmt::skip] // one row per token reads as the table it is
pub const ASSETS: &[Asset] = &[
    token("USDG", 196, address!("4ae46a509f6b1d9056937ba4500cb143933d2dc8"), "Global Dollar", "1", Onchain),
    token("USD₮0", 196, address!("779ded0c9e1022225f8e0630b35a9b54be713736"), "USD₮0", "1", Onchain),
    token("USDC.b", 196, address!("74b7f16337b8972027f6196a17a631ac6de26d22"), "USD Coin", "2", Onchain),
    token("USDC", 196, address!("b6ceceab302e2e4948951ee7843fc24e92933061"), "USDC", "2", Candidate),
    token("USDC", 1952, address!("dec90b78111ba2fc6fc6d84d8b9ec159a2d4b9b3"), "USDC", "2", Candidate),
    token("USDC", 8453, address!("833589fcd6edb6e08f4c7c32d4f71b54bda02913"), "USD Coin", "2", Onchain),
    token("USDC", 84_532, address!("036cbd53842c5426634e7929541ec2318f3dcf7e"), "USDC", "2", Onchain),
    token("USDC", 1, address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"), "USD Coin", "2", Onchain),
    token("USDC", 10, address!("0b2c639c533813f4aa9d7837caf62653d097ff85"), "USD Coin", "2", Onchain),
    token("USDC", 137, address!("3c499c542cef5e3811e1192ce70d8cc03d5c3359"), "USD Coin", "2", Onchain),
    token("USDC", 42_161, address!("af88d065e77c8cc2239327c5edb3a432268e5831"), "USD Coin", "2", Onchain),
    token("USDC", 43_114, address!("b97ef9ef8734c71904d8002f8b6bc66dd9c48a6e"), "USD Coin", "2", Onchain),
    token("USDC", 143, address!("754704bc059f8c67012fed69bc8a327a5aafb603"), "USDC", "2", Onchain),
    token("USDT0", 988, address!("779ded0c9e1022225f8e0630b35a9b54be713736"), "USDT0", "1", SdkConstant),
    token("USDT0", 2201, address!("78cf24370174180738c5b8e352b6d14c83a6c9a9"), "USDT0", "1", SdkConstant),
];

/// The token, if we know it.
pub fn asset(network: Network, address: Address) -> Option<&'static Asset> {
    ASSETS
        .iter()
        .find(|asset| asset.network == network && asset.address == address)
}
