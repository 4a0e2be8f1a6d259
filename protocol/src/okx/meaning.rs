//! What OKX's codes and the facilitators' reason texts mean for a payment. Whatever is not listed here is
//! unknown: a new word must not fail a payment that may have gone through.

/// Our own closed set of classes for foreign reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// This payment will never settle.
    Final,
    /// The same payment may be sent again.
    Retryable,
    /// The facilitator is at it.
    InFlight,
    /// Says nothing about the money; only the chain does.
    Unknown,
    /// Nothing will settle until an operator or the clock is put right.
    Config,
}

impl Class {
    /// The word in SQL, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Retryable => "retryable",
            Self::InFlight => "in_flight",
            Self::Unknown => "unknown",
            Self::Config => "config",
        }
    }
}

/// Why a payment was certainly not sent on to the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotSentCause {
    /// No connection, so no request.
    Unreachable,
    /// The rate limit.
    RateLimited,
    /// Key, passphrase, signature or permission refused.
    Credentials,
    /// Timestamp refused: correct the clock offset, sign anew, try once more.
    Clock,
    /// A parameter that the configuration decides is missing, such as `chainIndex`.
    Configuration,
    /// A parameter of this request is refused; it will be again.
    Parameters,
}

impl NotSentCause {
    /// The class of this cause.
    pub const fn class(self) -> Class {
        match self {
            Self::Unreachable | Self::RateLimited => Class::Retryable,
            Self::Credentials | Self::Clock | Self::Configuration => Class::Config,
            Self::Parameters => Class::Final,
        }
    }
}

/// What a code or a text says about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing was sent on.
    NotSent(NotSentCause),
    /// Refused before anything was sent on.
    Refused(Class),
    /// Cannot tell; the class says what to try.
    Open(Class),
}

/// Meaning of an OKX error code; `None` for codes that are not listed.
pub(super) fn of_code(code: &str) -> Option<Meaning> {
    use Meaning::{NotSent, Open, Refused};
    Some(match code {
        "50011" => NotSent(NotSentCause::RateLimited),
        "50014" => NotSent(NotSentCause::Configuration),
        "51000" | "50036" | "30001" => NotSent(NotSentCause::Parameters),
        "50103" | "50104" | "50105" | "50106" | "50107" | "50111" | "50113" | "50114" | "50125" => {
            NotSent(NotSentCause::Credentials)
        }
        "50112" => NotSent(NotSentCause::Clock),
        "50038" | "10002" => Refused(Class::Final),
        "70000" | "70001" | "70002" | "70003" | "70004" | "81001" | "81004" | "80007" => {
            Refused(Class::Final)
        }
        "50001" | "50026" | "8000" => Open(Class::Retryable),
        _ => return None,
    })
}

/// Meaning of a reason text of `/settle`, by OKX or an x402 SDK; `None` for texts that are not listed.
///
/// "Expired" and "nonce used" are open, not final: an attempt that landed, ours or somebody else's, is what
/// causes them.
pub(super) fn of_text(text: &str) -> Option<Meaning> {
    use Meaning::{Open, Refused};
    let words = normalised(text);
    if ["nonce_used", "nonce_already_used"]
        .iter()
        .any(|part| words.contains(part))
    {
        return Some(Open(Class::Unknown));
    }
    Some(match words.strip_prefix("invalid_exact_evm_").unwrap_or(&words) {
        "payment_processing" | "settlement_pending" => Open(Class::InFlight),
        "not_yet_valid" | "payload_authorization_valid_after" | "invalid_payment_early" => {
            Refused(Class::Retryable)
        }
        // Trouble with a node may come after the node took the transaction.
        "onchain_error" => Open(Class::Retryable),
        "expired" | "payment_expired" | "invalid_payment_expired" | "payload_authorization_valid_before" => {
            Open(Class::Unknown)
        }
        other if FINAL_TEXTS.contains(&other) => Refused(Class::Final),
        _ => return None,
    })
}

/// Definite refusals, without the prefix `invalid_exact_evm_`: the payment's own content, or the payer, is at
/// fault, and the check runs before anything is sent.
const FINAL_TEXTS: &[&str] = &[
    // OKX
    "invalid_payment_header",
    "param_mismatch",
    "toaddr_mismatch",
    "amount_mismatch",
    "unsupported_chain",
    "payer_blocked",
    "risk_address",
    "resource_mismatch",
    "no_matching_payment_option",
    "invalid_signature",
    "insufficient_balance",
    // x402 v1 §9, v2 §9 and the SDKs
    "insufficient_funds",
    "invalid_network",
    "invalid_payload",
    "invalid_payment",
    "invalid_payment_requirements",
    "invalid_scheme",
    "invalid_x402_version",
    "unsupported_scheme",
    "unsupported_payload_type",
    "scheme",
    "network_mismatch",
    "missing_eip712_domain",
    "recipient_mismatch",
    "signature",
    "signature_format",
    "authorization_value",
    "payload_signature",
    "payload_missing_signature",
    "payload_recipient_mismatch",
    "payload_authorization_value",
    "payload_authorization_value_mismatch",
    "payload_undeployed_smart_wallet",
    "token_name_mismatch",
    "token_version_mismatch",
    "eip3009_not_supported",
    // x402-rs
    "invalid_format",
    "invalid_payment_amount",
    "chain_id_mismatch",
    "asset_mismatch",
    "accepted_requirements_mismatch",
    "permit2_allowance_required",
];

/// Lower case, every run of other characters one underscore.
fn normalised(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}
