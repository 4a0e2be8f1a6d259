//! A buyer who signs USDG payments with a well-known test key, and the seller's offer it pays.

use insforge_protocol::asset::true_domain;
use insforge_protocol::evm::{Authorization, Domain};
use insforge_protocol::x402::Network;
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};

/// The time of every judgement, unix seconds.
pub(crate) const NOW: u64 = 1_790_000_000;
/// USDG on X Layer.
pub(crate) const USDG: &str = "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8";
/// The seller.
pub(crate) const PAYEE: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
/// The address of [`KEY`].
pub(crate) const PAYER: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
/// First Hardhat key: public, never fund.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// The true domain of USDG.
pub(crate) fn usdg() -> Domain {
    true_domain(Network::X_LAYER, USDG.parse().unwrap(), &[]).unwrap()
}

/// The seller's offer, v2.
pub(crate) fn offer() -> Value {
    json!({
        "scheme": "exact",
        "network": "eip155:196",
        "amount": "10000",
        "asset": USDG,
        "payTo": PAYEE,
        "maxTimeoutSeconds": 300,
        "extra": { "name": "Global Dollar", "version": "1" },
    })
}

/// The authorization that pays [`offer`].
pub(crate) fn authorization() -> Authorization {
    Authorization {
        from: PAYER.parse().unwrap(),
        to: PAYEE.parse().unwrap(),
        value: "10000".parse().unwrap(),
        valid_after: "0".parse().unwrap(),
        valid_before: (NOW + 300).to_string().parse().unwrap(),
        nonce: [0x5a; 32].into(),
    }
}

/// r, s and v (27 or 28) by the buyer's key.
pub(crate) fn sign(message: &Authorization, domain: &Domain) -> [u8; 65] {
    sign_with(KEY, message, domain)
}

/// r, s and v (27 or 28) by any key, given as 64 hex digits.
pub(crate) fn sign_with(key: &str, message: &Authorization, domain: &Domain) -> [u8; 65] {
    let key = SigningKey::from_slice(&alloy_primitives::hex::decode(key).unwrap()).unwrap();
    let (signature, id) = key.sign_prehash_recoverable(&message.digest(domain).0).unwrap();
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature.to_bytes());
    bytes[64] = 27 + id.to_byte();
    bytes
}

/// A v2 payment of [`offer`] with this message, signed by the buyer.
pub(crate) fn payment(message: &Authorization) -> Value {
    payment_with(message, &sign(message, &usdg()))
}

/// A v2 payment of [`offer`] with this message and signature.
pub(crate) fn payment_with(message: &Authorization, signature: &[u8]) -> Value {
    json!({
        "x402Version": 2,
        "resource": { "url": "https://api.example.com/report" },
        "accepted": offer(),
        "payload": {
            "signature": alloy_primitives::hex::encode_prefixed(signature),
            "authorization": {
                "from": message.from.to_string(),
                "to": message.to.to_string(),
                "value": message.value.to_string(),
                "validAfter": message.valid_after.to_string(),
                "validBefore": message.valid_before.to_string(),
                "nonce": message.nonce.to_string(),
            },
        },
    })
}
