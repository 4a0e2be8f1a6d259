use alloy_primitives::{B256, hex};
use insforge_protocol::evm::Authorization;
use serde_json::{Value, json};

use super::message::{Form, network};
use super::offer::Offer;

/// A signed authorization and the offer that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The offer as the seller stated it.
    pub offer: Offer,
    /// The fields as they are sent.
    pub auth: Authorization,
    /// r ‖ s ‖ v, unless a test has spoilt it.
    pub signature: Vec<u8>,
}

impl Signed {
    /// Identifies the payment together with payer and token.
    pub fn nonce(&self) -> B256 {
        self.auth.nonce
    }

    /// The nonce as the ledger writes it.
    pub fn nonce_text(&self) -> String {
        format!("{:#x}", self.auth.nonce)
    }

    /// The requirements that go with [`Signed::payment`].
    pub fn requirements(&self, form: Form) -> Value {
        self.offer.requirements(form)
    }

    /// The message that the buyer sends.
    pub fn payment(&self, form: Form) -> Value {
        let signed = json!({
            "signature": hex::encode_prefixed(&self.signature),
            "authorization": {
                "from": self.auth.from,
                "to": self.auth.to,
                "value": self.auth.value.to_string(),
                "validAfter": self.auth.valid_after.to_string(),
                "validBefore": self.auth.valid_before.to_string(),
                "nonce": self.auth.nonce,
            },
        });
        match form {
            Form::V2 => json!({
                "x402Version": 2,
                "resource": {"url": self.offer.resource},
                "accepted": self.offer.requirements(form),
                "payload": signed,
            }),
            Form::V1 | Form::Hybrid => json!({
                "x402Version": 1,
                "scheme": "exact",
                "network": network(&self.offer),
                "payload": signed,
            }),
        }
    }
}
