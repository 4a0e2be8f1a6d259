//! Which requirements are settled for. A middleware may pass on the buyer's copy of them, and then it is the
//! buyer who names payee and price; what is not on the operator's list is refused.

use std::collections::{HashMap, HashSet};

use insforge_protocol::evm::{Address, U256};
use insforge_protocol::x402::{Network, OfferError, Price, Requirements, Scheme, Token};

/// The prices that are settled for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prices {
    /// Any: the operator knows that the middleware compares the buyer's copy with its own offer.
    Any,
    /// These, in tokens (`0.01`), whichever token is paid with.
    Listed(Vec<String>),
}

/// The operator's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    payees: HashSet<Address>,
    /// Prices in units of each token; `None` is any.
    assets: HashMap<(Network, Address), Option<HashSet<U256>>>,
    networks: Vec<Network>,
}

/// Why requirements are not settled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The scheme is not offered here.
    #[error("only the scheme \"exact\" is settled for here")]
    Scheme,
    /// The payee is not listed.
    #[error("payTo is not a payee of this facilitator; the operator lists payees in facilitator.payees")]
    Payee,
    /// The token is not listed.
    #[error("the asset is not taken by this facilitator; the operator lists tokens in facilitator.assets")]
    Asset,
    /// The price is not listed.
    #[error("the amount is not a price of this seller; the operator lists prices in facilitator.prices")]
    Price,
}

impl NotAllowed {
    /// The reason's word on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Scheme => "unsupported_scheme",
            Self::Payee | Self::Asset | Self::Price => "invalid_payment_requirements",
        }
    }
}

impl AllowList {
    /// A list of payees, tokens and prices.
    ///
    /// # Errors
    /// [`OfferError`] for a price that cannot be paid in one of the tokens.
    pub fn new(payees: Vec<Address>, tokens: &[Token], prices: &Prices) -> Result<Self, OfferError> {
        let mut assets = HashMap::new();
        let mut networks = Vec::new();
        for token in tokens {
            let units = match prices {
                Prices::Any => None,
                Prices::Listed(prices) => Some(
                    prices
                        .iter()
                        .map(|price| Price::Tokens(price.clone()).in_units(token.decimals))
                        .collect::<Result<_, _>>()?,
                ),
            };
            assets.insert((token.network, token.address), units);
            if !networks.contains(&token.network) {
                networks.push(token.network);
            }
        }
        Ok(Self {
            payees: payees.into_iter().collect(),
            assets,
            networks,
        })
    }

    /// Networks with a listed token, in the order of the list.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// Whether these requirements are settled for.
    ///
    /// # Errors
    /// [`NotAllowed`], the first that applies.
    pub fn check(&self, requirements: &Requirements) -> Result<(), NotAllowed> {
        if requirements.scheme != Scheme::Exact {
            return Err(NotAllowed::Scheme);
        }
        if !self.payees.contains(&requirements.pay_to) {
            return Err(NotAllowed::Payee);
        }
        match self.assets.get(&(requirements.network, requirements.asset)) {
            None => Err(NotAllowed::Asset),
            Some(Some(prices)) if !prices.contains(&requirements.amount) => Err(NotAllowed::Price),
            Some(_) => Ok(()),
        }
    }
}
