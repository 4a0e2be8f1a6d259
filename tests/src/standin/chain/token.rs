use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256, address, b256, keccak256};

/// A token contract's constants.
///
/// `separator` is the value the real contract returns. It is written down rather than computed, so
/// that a mistake in the code under test cannot make both sides agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Contract address.
    pub address: Address,
    /// `name()`, also the name in the EIP-712 domain.
    pub name: String,
    /// `version()`, also the version in the EIP-712 domain.
    pub version: String,
    /// `decimals()`.
    pub decimals: u8,
    /// `DOMAIN_SEPARATOR()`.
    pub separator: B256,
    /// Balance of every holder that nobody has funded: tests about other things need no faucet.
    pub default_balance: U256,
}

impl Token {
    /// Global Dollar on X Layer (chain id 196).
    pub fn usdg() -> Token {
        Token {
            address: address!("4ae46a509f6b1d9056937ba4500cb143933d2dc8"),
            name: "Global Dollar".to_owned(),
            version: "1".to_owned(),
            decimals: 6,
            separator: b256!("415f0706e345fcaf25d5be24c4fd7830d0054fc5742c51a0db9319c759bd3743"),
            default_balance: U256::from(1_000_000_000_000_u64),
        }
    }

    /// USD₮0 on X Layer: its name holds U+20AE, which a careless decoder breaks.
    pub fn usdt0() -> Token {
        Token {
            address: address!("779Ded0c9e1022225f8E0630b35a9b54bE713736"),
            name: "USD\u{20ae}0".to_owned(),
            separator: b256!("d591d9baf744328d9400b923cb02c9474d367d591ca1ab24d8c4068be527599d"),
            ..Token::usdg()
        }
    }

    /// Bridged USDC on X Layer.
    pub fn usdc_bridged() -> Token {
        Token {
            address: address!("74b7F16337b8972027F6196A17a631aC6dE26d22"),
            name: "USD Coin".to_owned(),
            version: "2".to_owned(),
            separator: b256!("b1671065a2ea487729c4ff0e2f8beb2105e3ce63315ad07483374a3476b83972"),
            ..Token::usdg()
        }
    }

    /// The separator that name, version, chain and address give (EIP-712), to check the constant.
    pub fn computed_separator(&self, chain_id: u64) -> B256 {
        let type_hash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        let mut encoded = Vec::with_capacity(160);
        encoded.extend_from_slice(type_hash.as_slice());
        encoded.extend_from_slice(keccak256(&self.name).as_slice());
        encoded.extend_from_slice(keccak256(&self.version).as_slice());
        encoded.extend_from_slice(&U256::from(chain_id).to_be_bytes::<32>());
        encoded.extend_from_slice(self.address.into_word().as_slice());
        keccak256(encoded)
    }
}

/// Token contracts by address.
pub(super) type Tokens = HashMap<Address, Token>;
