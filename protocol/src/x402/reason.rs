//! Why a payment is not valid.

use alloy_primitives::Address;

use super::header::HeaderError;
use super::{Malformed, Network};
use crate::evm::{lower, signature::SignatureError};

/// Longest piece of foreign text repeated in a message, in characters as it is quoted.
const CLIP: usize = 64;

/// Reasons for refusing a payment: a closed set. `Display` says what was wrong and what to do, [`Self::code`]
/// is the word on the wire (x402 v2 §9 and the SDKs' additions), [`Self::sqlstate`] the error code in SQL.
/// Several reasons share a wire code; no two share an SQLSTATE.
///
/// | SQLSTATE | code | when |
/// |---|---|---|
/// | X4H01 | invalid_payload | header longer than 16 KiB |
/// | X4H02 | invalid_payload | header empty |
/// | X4H03 | invalid_payload | header is raw JSON |
/// | X4H04 | invalid_payload | header is not base64 |
/// | X4H05 | invalid_payload | header does not decode to UTF-8 |
/// | X4H06 | invalid_payload | header does not decode to JSON |
/// | X4001 | invalid_x402_version | `x402Version` is neither 1 nor 2 |
/// | X4002 | invalid_payload | a member of the payment is missing or malformed |
/// | X4003 | invalid_payment_requirements | a member of the requirements is missing or malformed |
/// | X4004 | unsupported_payload_type | Permit2 instead of EIP-3009 |
/// | X4005 | unsupported_scheme | scheme unknown |
/// | X4006 | invalid_exact_evm_scheme | scheme is not the required one |
/// | X4007 | invalid_network | network unknown |
/// | X4008 | invalid_exact_evm_network_mismatch | network is not the required one |
/// | X4009 | invalid_exact_evm_missing_eip712_domain | token unknown |
/// | X4010 | invalid_exact_evm_missing_eip712_domain | token's domain not verified |
/// | X4011 | invalid_exact_evm_token_name_mismatch | `extra.name` is not the token's |
/// | X4012 | invalid_exact_evm_token_version_mismatch | `extra.version` is not the token's |
/// | X4013 | invalid_exact_evm_payload_recipient_mismatch | `to` is not `payTo` |
/// | X4014 | invalid_exact_evm_payload_authorization_value_mismatch | `value` is not the price |
/// | X4015 | accepted_requirements_mismatch | the buyer's copy differs from the offer |
/// | X4016 | invalid_exact_evm_payload_authorization_valid_before | expired, or about to |
/// | X4017 | invalid_exact_evm_payload_authorization_valid_after | not yet valid |
/// | X4018 | invalid_exact_evm_payload_signature | signature form or signer wrong |
/// | X4019 | duplicate_settlement | nonce already bound to another resource or settled |
/// | X4020 | invalid_exact_evm_nonce_already_used | the token has burnt the nonce |
/// | X4021 | invalid_exact_evm_insufficient_balance | balance below the value |
/// | X4022 | invalid_exact_evm_eip3009_not_supported | the asset has no `authorizationState` |
/// | X4023 | settlement_pending | outcome not known yet |
/// | X4024 | unexpected_verify_error | no judgement could be had |
/// | X4025 | unexpected_settle_error | no settlement could be had |
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The header could not be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// `x402Version` is neither 1 nor 2.
    #[error("x402Version is not supported; send 1 or 2")]
    Version,
    /// A member of the payment is missing or malformed.
    #[error("the payment is malformed: {0}")]
    Payload(Malformed),
    /// A member of the requirements is missing or malformed.
    #[error("the payment requirements are malformed: {0}")]
    Requirements(Malformed),
    /// Permit2 instead of EIP-3009.
    #[error("only EIP-3009 authorizations are supported; sign TransferWithAuthorization instead of Permit2")]
    PayloadType,
    /// The scheme is unknown.
    #[error("scheme {0:?} is not supported; pay with \"exact\"")]
    UnsupportedScheme(String),
    /// The scheme is known but another one is required.
    #[error("the payment's scheme is not the required one; choose an entry of the offer")]
    SchemeMismatch,
    /// The network is unknown.
    #[error("network {0:?} is not known; use CAIP-2 such as eip155:196")]
    Network(String),
    /// The network is known but another one is required.
    #[error("the payment is for {paid}, required is {required}; sign for the required chain")]
    NetworkMismatch {
        /// Network of the payment.
        paid: Network,
        /// Network required.
        required: Network,
    },
    /// The token is not in the table and nobody vouches for its domain.
    #[error("token {} on {network} is not known; use a listed token, or vouch for its EIP-712 domain in the configuration", lower(*asset))]
    UnknownAsset {
        /// Network of the token.
        network: Network,
        /// Token contract.
        asset: Address,
    },
    /// The token is in the table but its domain was never read from the chain.
    #[error("the EIP-712 domain of token {} on {network} is not verified; read DOMAIN_SEPARATOR() and vouch for it in the configuration", lower(*asset))]
    UnverifiedAsset {
        /// Network of the token.
        network: Network,
        /// Token contract.
        asset: Address,
    },
    /// `extra.name` of the requirements is not the token's.
    #[error("extra.name is not the name in the token's EIP-712 domain; offer {0:?}")]
    TokenName(String),
    /// `extra.version` of the requirements is not the token's.
    #[error("extra.version is not the version in the token's EIP-712 domain; offer {0:?}")]
    TokenVersion(String),
    /// `to` is not the payee.
    #[error("the authorization pays somebody else than payTo; sign a new one with the payee of the offer")]
    Recipient,
    /// `value` is not the price.
    #[error("the authorization's value is not the required amount; sign exactly the amount of the offer")]
    Value,
    /// The buyer's copy of the offer differs from the offer.
    #[error("the accepted requirements differ from the offer in `{field}`; fetch the offer again")]
    ChoiceMismatch {
        /// The member that differs.
        field: &'static str,
    },
    /// Less than the margin is left before `validBefore`.
    #[error("the authorization has expired or is about to; sign a new one")]
    ValidBefore,
    /// `validAfter` lies ahead.
    #[error("the authorization is not valid yet; wait until validAfter has passed, or check the clock")]
    ValidAfter,
    /// The signature is refused.
    #[error("the signature {0}")]
    Signature(#[from] SignatureError),
    /// The nonce is bound to another resource, or its payment is closed.
    #[error("this authorization was already used; sign a new one for another purchase")]
    DuplicateSettlement,
    /// The token has burnt the nonce.
    #[error("the token has already used this nonce; look for its transfer before asking for another payment")]
    NonceUsed,
    /// The payer's balance is below the value.
    #[error("the payer's balance is below the amount; fund the payer and pay again")]
    InsufficientBalance,
    /// The asset does not speak EIP-3009.
    #[error("the token does not support EIP-3009; offer another token")]
    Eip3009NotSupported,
    /// A settlement was begun and its outcome is not known.
    #[error("the settlement is not confirmed yet; send the same payment again later, do not sign a new one")]
    SettlementPending,
    /// No judgement could be had.
    #[error("the payment could not be verified; send the same payment again later")]
    UnexpectedVerify,
    /// No settlement could be had, and none was begun.
    #[error("the payment could not be settled; send the same payment again later")]
    UnexpectedSettle,
}

impl Reason {
    /// The reason's word on the wire.
    pub const fn code(&self) -> &'static str {
        self.row().0
    }

    /// The reason's SQLSTATE.
    pub const fn sqlstate(&self) -> &'static str {
        self.row().1
    }

    pub(crate) fn network(name: &str) -> Self {
        Self::Network(clip(name))
    }

    pub(crate) fn unsupported_scheme(name: &str) -> Self {
        Self::UnsupportedScheme(clip(name))
    }

    const fn row(&self) -> (&'static str, &'static str) {
        match self {
            Self::Header(error) => (error.code(), error.sqlstate()),
            Self::Version => ("invalid_x402_version", "X4001"),
            Self::Payload(_) => ("invalid_payload", "X4002"),
            Self::Requirements(_) => ("invalid_payment_requirements", "X4003"),
            Self::PayloadType => ("unsupported_payload_type", "X4004"),
            Self::UnsupportedScheme(_) => ("unsupported_scheme", "X4005"),
            Self::SchemeMismatch => ("invalid_exact_evm_scheme", "X4006"),
            Self::Network(_) => ("invalid_network", "X4007"),
            Self::NetworkMismatch { .. } => ("invalid_exact_evm_network_mismatch", "X4008"),
            Self::UnknownAsset { .. } => ("invalid_exact_evm_missing_eip712_domain", "X4009"),
            Self::UnverifiedAsset { .. } => ("invalid_exact_evm_missing_eip712_domain", "X4010"),
            Self::TokenName(_) => ("invalid_exact_evm_token_name_mismatch", "X4011"),
            Self::TokenVersion(_) => ("invalid_exact_evm_token_version_mismatch", "X4012"),
            Self::Recipient => ("invalid_exact_evm_payload_recipient_mismatch", "X4013"),
            Self::Value => ("invalid_exact_evm_payload_authorization_value_mismatch", "X4014"),
            Self::ChoiceMismatch { .. } => ("accepted_requirements_mismatch", "X4015"),
            Self::ValidBefore => ("invalid_exact_evm_payload_authorization_valid_before", "X4016"),
            Self::ValidAfter => ("invalid_exact_evm_payload_authorization_valid_after", "X4017"),
            Self::Signature(_) => ("invalid_exact_evm_payload_signature", "X4018"),
            Self::DuplicateSettlement => ("duplicate_settlement", "X4019"),
            Self::NonceUsed => ("invalid_exact_evm_nonce_already_used", "X4020"),
            Self::InsufficientBalance => ("invalid_exact_evm_insufficient_balance", "X4021"),
            Self::Eip3009NotSupported => ("invalid_exact_evm_eip3009_not_supported", "X4022"),
            Self::SettlementPending => ("settlement_pending", "X4023"),
            Self::UnexpectedVerify => ("unexpected_verify_error", "X4024"),
            Self::UnexpectedSettle => ("unexpected_settle_error", "X4025"),
        }
    }
}

/// As much of a foreign text as fits when it is quoted, where a control character takes the room of several.
fn clip(text: &str) -> String {
    let mut room = CLIP;
    let fits = |c: &char| match room.checked_sub(c.escape_debug().count()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests;
