use alloy_primitives::U256;
use serde_json::{Value, json};

use super::*;
use crate::evm;

const USDG: &str = "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8";
const PAYEE: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

fn v2_offer() -> Value {
    json!({ "scheme": "exact", "network": "eip155:196", "amount": "10000", "asset": USDG, "payTo": PAYEE,
        "maxTimeoutSeconds": 300, "extra": { "name": "Global Dollar", "version": "1" } })
}

/// The offer in InsForge's hybrid: v1 members under a CAIP-2 network.
fn hybrid_offer() -> Value {
    json!({ "scheme": "exact", "network": "eip155:196", "maxAmountRequired": "10000", "asset": USDG,
        "payTo": PAYEE, "resource": "https://api.example.com/report", "description": "report",
        "mimeType": "application/json", "outputSchema": null, "maxTimeoutSeconds": 300,
        "extra": { "name": "Global Dollar", "version": "1" } })
}

fn payload() -> Value {
    json!({ "signature": "0x00", "authorization": {
        "from": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "to": PAYEE, "value": "10000", "validAfter": "0",
        "validBefore": U256::MAX.to_string(), "nonce": format!("0x{}", "5a".repeat(32)) } })
}

fn v2_payment() -> Value {
    json!({ "x402Version": 2, "accepted": v2_offer(), "payload": payload() })
}

fn v1_payment() -> Value {
    json!({ "x402Version": 1, "scheme": "exact", "network": "eip155:196", "payload": payload() })
}

#[test]
fn v1_v2_and_hybrid_payments_read_alike() {
    let v2 = Payment::parse(&v2_payment()).unwrap();
    let mut named = v1_payment();
    named["network"] = json!("X Layer");
    let mut indexed = json!({ "x402Version": "1", "chainIndex": "196", "payload": payload() });
    for raw in [v1_payment(), named, indexed.clone()] {
        let v1 = Payment::parse(&raw).unwrap();
        assert_eq!((v1.version, v2.version), (Version::V1, Version::V2));
        assert_eq!(
            (&v1.scheme, v1.network, v1.authorization),
            (&v2.scheme, v2.network, v2.authorization)
        );
    }
    indexed["network"] = json!("base");
    assert_eq!(
        Payment::parse(&indexed),
        Err(Reason::Payload(Problem::Contradiction.of("chainIndex")))
    );
    assert_eq!(v2.authorization.valid_before, U256::MAX);
}

#[test]
fn every_shape_of_the_offer_reads_alike() {
    let v2 = Requirements::parse(&v2_offer()).unwrap();
    let mut okx_v1 = v2_offer();
    okx_v1.as_object_mut().unwrap().remove("scheme");
    let mut indexed = hybrid_offer();
    indexed.as_object_mut().unwrap().remove("network");
    indexed["chainIndex"] = json!("196");
    for raw in [hybrid_offer(), okx_v1, indexed] {
        let mut other = Requirements::parse(&raw).unwrap();
        other.raw = v2.raw.clone();
        assert_eq!(other, v2);
    }
}

#[test]
fn okx_addresses_are_read_in_offers_on_x_layer_only() {
    let mut native = v2_offer();
    native["payTo"] = json!(PAYEE.replacen("0x", "XKO", 1));
    assert_eq!(
        Some(Requirements::parse(&native).unwrap().pay_to),
        evm::address(PAYEE)
    );
    native["network"] = json!("base");
    assert_eq!(
        Requirements::parse(&native),
        Err(Reason::Requirements(Problem::NotAddress.of("payTo")))
    );
}

#[test]
fn members_we_do_not_know_are_kept() {
    let mut raw = v2_payment();
    raw["extensions"] = json!({ "payment-identifier": { "info": { "id": "0123456789abcdef" } } });
    raw["payload"]["more"] = json!([1, 2.5, null, { "deep": "USD₮0" }]);
    assert_eq!(Payment::parse(&raw).unwrap().raw(), &raw);
}

#[test]
fn candidates_are_the_offers_a_payment_may_be_for_in_the_sellers_order() {
    let mut base = v2_offer();
    base["network"] = json!("base");
    let mut dearer = v2_offer();
    dearer["amount"] = json!("20000");
    let offers: Vec<_> = [base, dearer, v2_offer()]
        .iter()
        .map(|raw| Requirements::parse(raw).unwrap())
        .collect();
    let v2 = Payment::parse(&v2_payment()).unwrap();
    assert_eq!(candidates(&offers, &v2).collect::<Vec<_>>(), [&offers[2]]);
    let v1 = Payment::parse(&v1_payment()).unwrap();
    assert_eq!(
        candidates(&offers, &v1).collect::<Vec<_>>(),
        [&offers[1], &offers[2]]
    );
}
