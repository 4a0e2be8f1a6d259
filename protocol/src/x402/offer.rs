//! Building what a seller asks for, so that every buyer can read it and no wrong domain is handed out.

use alloy_primitives::{Address, U256};
use serde_json::{Map, Value, json};

use super::malformed::Problem;
use super::{Dialect, Network, Price, Reason};
use crate::asset::{self, ASSETS, VouchedDomain, true_domain};
use crate::evm::{self, Domain};

/// A token the operator vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VouchedToken {
    /// Its domain, as read from `DOMAIN_SEPARATOR()`.
    pub domain: VouchedDomain,
    /// Its decimals; without them a price must be given in the smallest unit.
    pub decimals: Option<u8>,
}

/// A token that may be offered: its domain is read from the chain or vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Chain it lives on.
    pub network: Network,
    /// Token contract.
    pub address: Address,
    /// Decimal places, if known.
    pub decimals: Option<u8>,
    /// The domain buyers must sign under.
    pub domain: Domain,
}

/// One way to pay: so much of this token to that account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is paid with.
    pub token: Token,
    /// Who is paid, never the zero address.
    pub pay_to: Address,
    /// Price in the token's smallest unit, never zero.
    pub amount: U256,
    /// Seconds for which the buyer should sign.
    pub max_timeout_seconds: u64,
}

/// What is sold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resource {
    /// Its URL. v1 clients insist on an absolute one.
    pub url: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// Media type of the answer.
    pub mime_type: Option<String>,
}

/// Why an offer cannot be made. The seller's own mistake, found before a buyer sees it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Network, asset or payee are not usable.
    #[error(transparent)]
    Terms(#[from] Reason),
    /// No token of that symbol is known on the chain.
    #[error("no token {symbol:?} is known on {network}; give its contract address")]
    UnknownSymbol {
        /// What was given.
        symbol: String,
        /// Where it was looked for.
        network: Network,
    },
    /// The price is not written in digits.
    #[error("the price is not a plain decimal number; write digits, and at most one point in a token price")]
    PriceForm,
    /// The price is below or between units of the token.
    #[error("the price is finer than the token's {decimals} decimals; round it yourself")]
    PriceTooFine {
        /// The token's decimals.
        decimals: u8,
    },
    /// The price is above 2^256 - 1.
    #[error("the price is above what a token can hold")]
    PriceTooLarge,
    /// The price is zero.
    #[error("the price is zero; serve the resource without a payment instead")]
    PriceZero,
    /// A price in tokens, for a token with unknown decimals.
    #[error("the token's decimals are not known; give the price in its smallest unit")]
    UnknownDecimals,
}

impl OfferError {
    /// The reason's word on the wire.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Terms(reason) => reason.code(),
            _ => "invalid_payment_requirements",
        }
    }

    /// SQLSTATE: X4101 symbol, X4102 form of the price, X4103 too fine, X4104 too large, X4105 zero, X4106
    /// decimals unknown; else the [`Reason`]'s.
    pub const fn sqlstate(&self) -> &'static str {
        match self {
            Self::Terms(reason) => reason.sqlstate(),
            Self::UnknownSymbol { .. } => "X4101",
            Self::PriceForm => "X4102",
            Self::PriceTooFine { .. } => "X4103",
            Self::PriceTooLarge => "X4104",
            Self::PriceZero => "X4105",
            Self::UnknownDecimals => "X4106",
        }
    }
}

impl Token {
    /// Finds a token by its contract address or its symbol (any letter case; `USDT0` is found for `USD₮0`).
    ///
    /// Errors: [`OfferError::UnknownSymbol`], [`Reason::UnknownAsset`], [`Reason::UnverifiedAsset`].
    pub fn find(network: Network, name: &str, vouched: &[VouchedToken]) -> Result<Self, OfferError> {
        let address = match evm::address(name) {
            Some(address) => address,
            None => by_symbol(network, name).ok_or_else(|| OfferError::UnknownSymbol {
                symbol: name.chars().take(64).collect(),
                network,
            })?,
        };
        let domains: Vec<_> = vouched.iter().map(|token| token.domain.clone()).collect();
        let domain = true_domain(network, address, &domains)?;
        let told = vouched
            .iter()
            .find(|token| token.domain.network == network && token.domain.asset == address)
            .and_then(|token| token.decimals);
        Ok(Self {
            network,
            address,
            decimals: asset::asset(network, address)
                .map(|known| known.decimals)
                .or(told),
            domain,
        })
    }
}

fn by_symbol(network: Network, symbol: &str) -> Option<Address> {
    let fold = |text: &str| text.replace('₮', "T").to_ascii_uppercase();
    ASSETS
        .iter()
        .find(|known| known.network == network && fold(known.symbol) == fold(symbol))
        .map(|known| known.address)
}

/// Reads a payee as sellers write it: `0x` and 40 hex digits, on X Layer also OKX's `XKO` form.
pub fn payee(network: Network, text: &str) -> Result<Address, OfferError> {
    let native = || evm::xko_address(text).filter(|_| network == Network::X_LAYER);
    let refuse = |problem: Problem| OfferError::Terms(Reason::Requirements(problem.of("payTo")));
    match evm::address(text).or_else(native) {
        None => Err(refuse(Problem::NotAddress)),
        Some(address) if address.is_zero() => Err(refuse(Problem::ZeroAddress)),
        Some(address) => Ok(address),
    }
}

impl Offer {
    /// An offer from its parts as they are written in configuration or SQL.
    ///
    /// Errors: those of [`Token::find`], [`payee`] and [`Price::in_units`], and
    /// [`Reason::Requirements`] where the buyer would have no time to sign for.
    pub fn new(
        token: Token,
        pay_to: &str,
        price: &Price,
        max_timeout_seconds: u64,
    ) -> Result<Self, OfferError> {
        if max_timeout_seconds == 0 {
            return Err(Reason::Requirements(Problem::NotSeconds.of("maxTimeoutSeconds")).into());
        }
        Ok(Self {
            pay_to: payee(token.network, pay_to)?,
            amount: price.in_units(token.decimals)?,
            token,
            max_timeout_seconds,
        })
    }

    /// The entry of `accepts` for this offer (x402 v2 §5.1, x402 v1 §5.1).
    pub fn requirements(&self, dialect: Dialect, resource: &Resource) -> Value {
        let mut entry = self.common();
        if matches!(dialect, Dialect::V2 | Dialect::All) {
            entry.insert("amount".into(), json!(self.amount.to_string()));
        }
        if dialect != Dialect::V2 {
            entry.insert("maxAmountRequired".into(), json!(self.amount.to_string()));
            entry.insert("resource".into(), json!(resource.url));
            // The v1 schemas demand both as strings.
            let text = |member: &Option<String>| json!(member.as_deref().unwrap_or_default());
            entry.insert("description".into(), text(&resource.description));
            entry.insert("mimeType".into(), text(&resource.mime_type));
        }
        if let Some(name) = self.token.network.v1_name().filter(|_| dialect == Dialect::V1) {
            entry.insert("network".into(), json!(name));
        }
        Value::Object(entry)
    }

    fn common(&self) -> Map<String, Value> {
        let entry = json!({
            "scheme": "exact",
            "network": self.token.network.to_string(),
            "asset": evm::lower(self.token.address),
            "payTo": evm::lower(self.pay_to),
            "maxTimeoutSeconds": self.max_timeout_seconds,
            "extra": { "name": self.token.domain.name, "version": self.token.domain.version },
        });
        match entry {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}
