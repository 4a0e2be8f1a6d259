//! What a seller asks for.

use alloy_primitives::{Address, U256};
use serde_json::Value;

use super::malformed::{Malformed, Problem, optional, optional_text, required_text, seconds, text};
use super::{Network, Reason, Scheme};
use crate::evm;

/// One entry of `accepts`, read from any of its shapes: v2 (x402 v2 §5: `amount`, CAIP-2), v1
/// (`maxAmountRequired`, a name), OKX's v1 (`amount`, perhaps no `scheme`) and InsForge's (no `network`, the
/// chain as `chainIndex`).
#[derive(Debug, Clone, PartialEq)]
pub struct Requirements {
    /// Payment scheme; a missing one means `exact`.
    pub scheme: Scheme,
    /// Chain to pay on.
    pub network: Network,
    /// Token contract.
    pub asset: Address,
    /// Recipient, never the zero address.
    pub pay_to: Address,
    /// Price in the token's smallest unit.
    pub amount: U256,
    /// Seconds for which the buyer should sign, if given.
    pub max_timeout_seconds: Option<u64>,
    /// The members of `extra` that decide something.
    pub extra: Extra,
    /// The message as it came, with the members that are not read here.
    pub raw: Value,
}

/// Members of `extra` that decide something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extra {
    /// `name` of the token's EIP-712 domain.
    pub name: Option<String>,
    /// `version` of the token's EIP-712 domain.
    pub version: Option<String>,
    /// `assetTransferMethod`, by some senders `transferMethod`: `eip3009` (default) or `permit2`.
    pub asset_transfer_method: Option<String>,
    /// `sessionCert`: only a buyer's copy for `aggr_deferred` carries it.
    pub has_session_cert: bool,
}

impl Requirements {
    /// Reads requirements as a server states them. Errors: [`Reason::Requirements`] naming the member,
    /// [`Reason::Network`] for a network that is unknown.
    pub fn parse(raw: &Value) -> Result<Self, Reason> {
        let read = Self::read(raw, Reason::Requirements)?;
        if read.extra.has_session_cert {
            return Err(Reason::Requirements(Problem::Unexpected.of("extra.sessionCert")));
        }
        Ok(read)
    }

    /// Reads either side's copy; `blame` says whose fault a malformed member is.
    pub(super) fn read(raw: &Value, blame: fn(Malformed) -> Reason) -> Result<Self, Reason> {
        if !raw.is_object() {
            return Err(blame(Problem::NotObject.of("paymentRequirements")));
        }
        let network = read_network(raw, blame)?;
        let party = |field| read_party(raw, field, network).map_err(blame);
        Ok(Self {
            scheme: read_scheme(raw).map_err(blame)?,
            network,
            asset: party("asset")?,
            pay_to: party("payTo")?,
            amount: read_amount(raw).map_err(blame)?,
            max_timeout_seconds: seconds(raw, "maxTimeoutSeconds").map_err(blame)?,
            extra: Extra::read(raw).map_err(blame)?,
            raw: raw.clone(),
        })
    }
}

impl Extra {
    /// How the token is moved: `eip3009` unless stated.
    pub fn transfer_method(&self) -> &str {
        self.asset_transfer_method.as_deref().unwrap_or("eip3009")
    }

    fn read(raw: &Value) -> Result<Self, Malformed> {
        let Some(extra) = optional(raw, "extra") else {
            return Ok(Self::default());
        };
        if !extra.is_object() {
            return Err(Problem::NotObject.of("extra"));
        }
        Ok(Self {
            name: optional_text(extra, "name")?,
            version: optional_text(extra, "version")?,
            asset_transfer_method: optional_text(extra, "assetTransferMethod")?
                .or(optional_text(extra, "transferMethod")?),
            has_session_cert: optional(extra, "sessionCert").is_some(),
        })
    }
}

/// `scheme`; older OKX guides leave it out and mean `exact`.
pub(super) fn read_scheme(raw: &Value) -> Result<Scheme, Malformed> {
    let Some(name) = optional(raw, "scheme") else {
        return Ok(Scheme::Exact);
    };
    text(name, "scheme").map(Scheme::parse)
}

/// `network`, or OKX's `chainIndex`, which must agree where both are given.
pub(super) fn read_network(raw: &Value, blame: fn(Malformed) -> Reason) -> Result<Network, Reason> {
    let named = optional(raw, "network")
        .map(|v| read_network_name(v, "network", blame))
        .transpose()?;
    let index = optional(raw, "chainIndex")
        .map(|v| read_network_name(v, "chainIndex", blame))
        .transpose()?;
    match (named, index) {
        (Some(a), Some(b)) if a != b => Err(blame(Problem::Contradiction.of("chainIndex"))),
        (Some(network), _) | (None, Some(network)) => Ok(network),
        (None, None) => Err(blame(Problem::Missing.of("network"))),
    }
}

fn read_network_name(
    value: &Value,
    field: &'static str,
    blame: fn(Malformed) -> Reason,
) -> Result<Network, Reason> {
    if let Some(id) = value.as_u64() {
        return Ok(Network::new(id));
    }
    let name = text(value, field).map_err(blame)?;
    name.parse().map_err(|_| Reason::network(name))
}

fn read_party(raw: &Value, field: &'static str, network: Network) -> Result<Address, Malformed> {
    let text = required_text(raw, field)?;
    let native = || evm::xko_address(text).filter(|_| network == Network::X_LAYER);
    let address = evm::address(text)
        .or_else(native)
        .ok_or(Problem::NotAddress.of(field))?;
    if address.is_zero() {
        Err(Problem::ZeroAddress.of(field))
    } else {
        Ok(address)
    }
}

/// v2's `amount` or v1's `maxAmountRequired`, which must agree where both are given.
fn read_amount(raw: &Value) -> Result<U256, Malformed> {
    let read = |field| {
        optional(raw, field)
            .map(|_| super::malformed::uint256(raw, field))
            .transpose()
    };
    match (read("amount")?, read("maxAmountRequired")?) {
        (Some(a), Some(b)) if a != b => Err(Problem::Contradiction.of("maxAmountRequired")),
        (Some(amount), _) | (None, Some(amount)) => Ok(amount),
        (None, None) => Err(Problem::Missing.of("amount")),
    }
}
