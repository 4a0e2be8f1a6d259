use serde_json::{Value, json};

use super::offer::Offer;

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// x402 version 1 with OKX's CAIP-2 network, `maxAmountRequired`.
    V1,
    /// x402 version 2.
    V2,
    /// InsForge's guide: version 1 shapes in version 2 headers, requirements without `network`.
    Hybrid,
}

/// The network as every form of the tests spells it.
pub(super) fn network(offer: &Offer) -> String {
    format!("eip155:{}", offer.domain.chain_id)
}

impl Offer {
    /// The requirements that a seller states.
    pub fn requirements(&self, form: Form) -> Value {
        let mut requirements = json!({
            "scheme": "exact",
            "network": network(self),
            "asset": self.domain.verifying_contract,
            "payTo": self.pay_to,
            "maxTimeoutSeconds": self.max_timeout_seconds,
            "extra": {"name": self.domain.name, "version": self.domain.version},
        });
        let amount = json!(self.amount.to_string());
        if form == Form::V2 {
            requirements["amount"] = amount;
        } else {
            requirements["maxAmountRequired"] = amount;
            requirements["resource"] = json!(self.resource);
            requirements["description"] = json!("a report");
            requirements["mimeType"] = json!("application/json");
        }
        requirements
    }
}
