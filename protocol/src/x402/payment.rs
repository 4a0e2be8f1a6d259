//! What a buyer sends.

use std::fmt;

use serde_json::Value;

use super::malformed::{Problem, address, bytes32, object, optional, required_text, uint256};
use super::requirements::{read_network, read_scheme};
use super::{Network, Reason, Requirements, Scheme, Version};
use crate::evm::Authorization;

/// A payment, read from v2 (x402 v2 §5, with `accepted`) or v1 (`scheme` and `network` beside the payload,
/// whatever header it came in). Nothing is judged yet.
#[derive(Clone, PartialEq)]
pub struct Payment {
    /// Protocol version.
    pub version: Version,
    /// Payment scheme; a missing one means `exact`.
    pub scheme: Scheme,
    /// Chain the buyer pays on.
    pub network: Network,
    /// What the buyer signed.
    pub authorization: Authorization,
    /// The signature as sent: hex for `exact`, base64 for `aggr_deferred`.
    pub signature: SecretText,
    /// v2 only: the buyer's copy of the requirement it chose. To be compared with the seller's own, never used
    /// in its place: it is whatever the buyer wrote.
    pub accepted: Option<Requirements>,
    raw: Value,
}

/// Text that is as good as money; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl Payment {
    /// Reads a payment. Errors: [`Reason::Version`], [`Reason::Payload`] naming the member,
    /// [`Reason::Network`], [`Reason::UnsupportedScheme`], [`Reason::PayloadType`].
    pub fn parse(raw: &Value) -> Result<Self, Reason> {
        if !raw.is_object() {
            return Err(Reason::Payload(Problem::NotObject.of("paymentPayload")));
        }
        let version = Version::read(raw)?;
        let accepted = match version {
            Version::V1 => None,
            Version::V2 => Some(object(raw, "accepted").map_err(Reason::Payload)?),
        };
        let scheme = read_scheme(accepted.unwrap_or(raw)).map_err(Reason::Payload)?;
        if let Scheme::Other(name) = &scheme {
            return Err(Reason::unsupported_scheme(name));
        }
        let network = read_network(accepted.unwrap_or(raw), Reason::Payload)?;
        let payload = object(raw, "payload").map_err(Reason::Payload)?;
        let accepted = accepted
            .map(|copy| Requirements::read(copy, Reason::Payload))
            .transpose()?;
        let lacks_cert = accepted.as_ref().is_some_and(|copy| !copy.extra.has_session_cert);
        if scheme == Scheme::AggrDeferred && lacks_cert {
            return Err(Reason::Payload(Problem::Missing.of("accepted.extra.sessionCert")));
        }
        Ok(Self {
            version,
            scheme,
            network,
            authorization: read_authorization(payload)?,
            signature: SecretText(
                required_text(payload, "signature")
                    .map_err(Reason::Payload)?
                    .to_owned(),
            ),
            accepted,
            raw: raw.clone(),
        })
    }

    /// The message as it came, with the members that are not read here. It holds the signature.
    pub const fn raw(&self) -> &Value {
        &self.raw
    }
}

fn read_authorization(payload: &Value) -> Result<Authorization, Reason> {
    if optional(payload, "authorization").is_none() && optional(payload, "permit2Authorization").is_some() {
        return Err(Reason::PayloadType);
    }
    signed_message(object(payload, "authorization").map_err(Reason::Payload)?)
}

/// Reads the message of an EIP-3009 authorization as it travels, every member as text. Errors:
/// [`Reason::Payload`] naming the member.
pub fn signed_message(message: &Value) -> Result<Authorization, Reason> {
    let read = || {
        Ok(Authorization {
            from: address(message, "from")?,
            to: address(message, "to")?,
            value: uint256(message, "value")?,
            valid_after: uint256(message, "validAfter")?,
            valid_before: uint256(message, "validBefore")?,
            nonce: bytes32(message, "nonce")?,
        })
    };
    read().map_err(Reason::Payload)
}

impl fmt::Debug for Payment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payment")
            .field("version", &self.version)
            .field("scheme", &self.scheme)
            .field("network", &self.network)
            .field("authorization", &self.authorization)
            .field("accepted", &self.accepted.is_some())
            .finish_non_exhaustive()
    }
}

impl SecretText {
    /// The text, for those who must send or check it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(redacted)")
    }
}
