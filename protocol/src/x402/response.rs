//! What a facilitator answers, and what a buyer reads in `PAYMENT-RESPONSE` (x402 v2 §5.3, x402 v1 §5.3).

use serde_json::{Value, json};

use super::{Network, Reason, Scheme, Version};

/// What became of a payment, as far as the one who asks is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettleResult {
    /// The money moved in this transaction.
    Done {
        /// Transaction hash.
        transaction: String,
    },
    /// It may have moved. Sent as `settlement_pending`: the SDKs that know the word send the same payment
    /// again, those that do not pass it on as text. Never to be answered with a request to sign anew.
    Pending {
        /// Transaction hash, if one is known.
        transaction: Option<String>,
    },
    /// It did not move.
    Refused {
        /// The reason's word on the wire.
        reason: String,
        /// The same for people.
        message: String,
    },
}

/// A `SettleResponse`. `payer` is the lower-case address, if the payment could be read. v1 knows no
/// `errorMessage` and names networks its own way.
pub fn settle_response(
    version: Version,
    settlement: &SettleResult,
    payer: Option<&str>,
    network: Option<Network>,
) -> Value {
    let pending = Reason::SettlementPending;
    let (transaction, failure) = match settlement {
        SettleResult::Done { transaction } => (transaction.as_str(), None),
        SettleResult::Pending { transaction } => (
            transaction.as_deref().unwrap_or_default(),
            Some((pending.code(), pending.to_string())),
        ),
        SettleResult::Refused { reason, message } => ("", Some((reason.as_str(), message.clone()))),
    };
    let network = network.map(|network| network_name(version, network));
    let mut answer = json!({
        "success": failure.is_none(),
        "transaction": transaction,
        "network": network.unwrap_or_default(),
    });
    if let Some(payer) = payer {
        answer["payer"] = json!(payer);
    }
    if let Some((reason, message)) = failure {
        answer["errorReason"] = json!(reason);
        if version == Version::V2 {
            answer["errorMessage"] = json!(message);
        }
    }
    answer
}

/// A `VerifyResponse`; `refusal` is the reason's word on the wire and its sentence.
pub fn verify_response(version: Version, payer: Option<&str>, refusal: Option<(&str, &str)>) -> Value {
    let mut answer = json!({ "isValid": refusal.is_none() });
    if let Some(payer) = payer {
        answer["payer"] = json!(payer);
    }
    if let Some((reason, message)) = refusal {
        answer["invalidReason"] = json!(reason);
        if version == Version::V2 {
            answer["invalidMessage"] = json!(message);
        }
    }
    answer
}

/// Body of `/supported`: `exact` on each network, for both versions. Nobody here signs transactions, so
/// there are no signers to name.
pub fn supported(networks: &[Network]) -> Value {
    let kinds: Vec<Value> = networks
        .iter()
        .flat_map(|network| [Version::V2, Version::V1].map(|version| (version, *network)))
        .map(|(version, network)| {
            json!({
                "x402Version": version.number(),
                "scheme": Scheme::Exact.as_str(),
                "network": network_name(version, network),
            })
        })
        .collect();
    json!({ "kinds": kinds, "extensions": [], "signers": {} })
}

fn network_name(version: Version, network: Network) -> String {
    match network.v1_name().filter(|_| version == Version::V1) {
        Some(name) => name.to_owned(),
        None => network.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Network = Network::new(8453);

    #[test]
    fn a_settled_payment_names_payer_transaction_and_network() {
        let done = SettleResult::Done {
            transaction: "0xab".into(),
        };
        assert_eq!(
            settle_response(Version::V2, &done, Some("0xf3"), Some(BASE)),
            json!({ "success": true, "transaction": "0xab", "network": "eip155:8453", "payer": "0xf3" })
        );
        assert_eq!(
            settle_response(Version::V1, &done, Some("0xf3"), Some(BASE))["network"],
            "base"
        );
    }

    #[test]
    fn an_open_outcome_is_settlement_pending_and_asks_for_the_same_payment() {
        let hashed = SettleResult::Pending {
            transaction: Some("0xab".into()),
        };
        let answer = settle_response(Version::V2, &hashed, None, Some(BASE));
        assert_eq!(
            (&answer["success"], &answer["errorReason"], &answer["transaction"]),
            (&json!(false), &json!("settlement_pending"), &json!("0xab"))
        );
        let message = answer["errorMessage"].as_str().unwrap();
        assert!(message.contains("same payment") && message.contains("do not sign a new one"));
        let unhashed = SettleResult::Pending { transaction: None };
        let answer = settle_response(Version::V1, &unhashed, None, Some(BASE));
        assert_eq!(
            answer["transaction"], "",
            "the SDKs' schemas demand the member as text"
        );
        assert_eq!(answer.get("errorMessage"), None);
    }

    #[test]
    fn a_refusal_gives_the_reason_and_no_null() {
        let refused = SettleResult::Refused {
            reason: "invalid_payload".into(),
            message: "why".into(),
        };
        assert_eq!(
            settle_response(Version::V2, &refused, None, None),
            json!({ "success": false, "transaction": "", "network": "", "errorReason": "invalid_payload",
                "errorMessage": "why" })
        );
        assert_eq!(
            verify_response(Version::V1, None, Some(("invalid_payload", "why"))),
            json!({ "isValid": false, "invalidReason": "invalid_payload" })
        );
        assert_eq!(
            verify_response(Version::V2, Some("0xf3"), None),
            json!({ "isValid": true, "payer": "0xf3" })
        );
    }

    #[test]
    fn each_network_is_supported_in_both_versions_under_its_name_there() {
        let kinds = supported(&[Network::X_LAYER, BASE])["kinds"].clone();
        let names: Vec<_> = kinds.as_array().unwrap().iter().map(|k| &k["network"]).collect();
        assert_eq!(names, ["eip155:196", "eip155:196", "eip155:8453", "base"]);
    }
}
