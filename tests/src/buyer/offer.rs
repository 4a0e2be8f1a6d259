use std::borrow::Cow;

use alloy_primitives::{Address, U256, address};
use insforge_protocol::evm::Domain;

use crate::standin::chain::Token;

/// What a seller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The token's EIP-712 domain; its contract is the asset.
    pub domain: Domain,
    /// Payee.
    pub pay_to: Address,
    /// Price in the smallest unit.
    pub amount: U256,
    /// How long the buyer's signature should live.
    pub max_timeout_seconds: u64,
    /// What is sold.
    pub resource: String,
}

/// The seller of all tests.
const SELLER: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");

impl Offer {
    /// One cent in USDG on X Layer.
    pub fn usdg() -> Offer {
        Offer::of(&Token::usdg())
    }

    /// One cent in USD₮0 on X Layer.
    pub fn usdt0() -> Offer {
        Offer::of(&Token::usdt0())
    }

    fn of(token: &Token) -> Offer {
        Offer {
            domain: Domain {
                name: Cow::Owned(token.name.clone()),
                version: Cow::Owned(token.version.clone()),
                chain_id: 196,
                verifying_contract: token.address,
            },
            pay_to: SELLER,
            amount: U256::from(10_000),
            max_timeout_seconds: 300,
            resource: "https://api.example.com/report".to_owned(),
        }
    }

    /// For another price.
    pub fn priced(self, amount: u64) -> Offer {
        Offer {
            amount: U256::from(amount),
            ..self
        }
    }

    /// For another resource.
    pub fn selling(self, resource: &str) -> Offer {
        Offer {
            resource: resource.to_owned(),
            ..self
        }
    }
}
