use alloy_primitives::address;
use serde_json::{Value, json};

use super::*;
use crate::asset::VouchedDomain;
use crate::x402::{Network, OfferError, Price, Token, VouchedToken};

const PAYEE: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const BASE: Network = Network::new(8453);

fn offer(network: Network, symbol: &str) -> Offer {
    let token = Token::find(network, symbol, &[]).unwrap();
    Offer::new(token, PAYEE, &Price::Tokens("0.01".into()), 300).unwrap()
}

fn report() -> Resource {
    Resource {
        url: "https://api.example.com/report".into(),
        description: None,
        mime_type: Some("application/json".into()),
    }
}

fn challenge(dialects: Dialects) -> (Option<Value>, Value) {
    let made = Challenge::new(
        &[offer(Network::X_LAYER, "USDG")],
        &report(),
        dialects,
        "Payment required",
    );
    (
        made.header.map(|value| header::decode(&value).unwrap()),
        made.body,
    )
}

#[test]
fn a_v2_challenge_is_the_documented_one() {
    let only_v2 = Dialects {
        v1: false,
        v2: true,
        hybrid: false,
    };
    let expected = json!({ "x402Version": 2, "error": "Payment required",
        "resource": { "url": "https://api.example.com/report", "mimeType": "application/json" },
        "accepts": [{ "scheme": "exact", "network": "eip155:196", "amount": "10000",
            "asset": "0x4ae46a509f6b1d9056937ba4500cb143933d2dc8", "payTo": PAYEE.to_lowercase(),
            "maxTimeoutSeconds": 300, "extra": { "name": "Global Dollar", "version": "1" } }] });
    assert_eq!(challenge(only_v2), (Some(expected.clone()), expected));
}

#[test]
fn one_answer_serves_v1_v2_and_insforges_client() {
    let (header, body) = challenge(Dialects::ALL);
    let header = header.unwrap();
    let entry = &header["accepts"][0];
    assert_eq!(header["x402Version"], 2);
    assert_eq!(
        (&entry["amount"], &entry["maxAmountRequired"]),
        (&json!("10000"), &json!("10000"))
    );
    assert_eq!(entry["resource"], "https://api.example.com/report");
    assert_eq!(body["x402Version"], 1);
    assert_eq!(body["accepts"][0]["maxAmountRequired"], "10000");
    assert_eq!(
        body["accepts"][0]["description"], "",
        "v1 schemas demand a string"
    );
    assert_eq!(
        body["accepts"][0].get("outputSchema"),
        None,
        "v1 schemas refuse null"
    );
}

#[test]
fn without_v2_the_header_is_version_1_and_without_both_there_is_none() {
    let hybrid = Dialects {
        v1: false,
        v2: false,
        hybrid: true,
    };
    let (header, body) = challenge(hybrid);
    let header = header.unwrap();
    assert_eq!(header["x402Version"], 1);
    assert_eq!(header["accepts"][0].get("amount"), None);
    assert_eq!(body, header, "the body mirrors the header");
    let v1 = Dialects {
        v1: true,
        v2: false,
        hybrid: false,
    };
    assert_eq!(challenge(v1).0, None);
}

#[test]
fn a_v1_body_holds_only_networks_that_v1_clients_can_read_if_there_are_any() {
    let offers = [offer(Network::X_LAYER, "USDG"), offer(BASE, "usdc")];
    let made = Challenge::new(&offers, &report(), Dialects::ALL, "pay");
    let networks = |message: &Value| -> Vec<Value> {
        message["accepts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["network"].clone())
            .collect()
    };
    assert_eq!(networks(&made.body), ["base"]);
    let header = header::decode(&made.header.unwrap()).unwrap();
    assert_eq!(networks(&header), ["eip155:196", "eip155:8453"]);
    assert_eq!(networks(&challenge(Dialects::ALL).1), ["eip155:196"]);
}

#[test]
fn what_is_offered_reads_back_as_the_same_terms_in_every_dialect() {
    let offer = offer(Network::X_LAYER, "USDT0");
    for dialect in [Dialect::V1, Dialect::V2, Dialect::Hybrid, Dialect::All] {
        let read = Requirements::parse(&offer.requirements(dialect, &report())).unwrap();
        assert_eq!(
            (read.network, read.asset, read.pay_to, read.amount),
            (Network::X_LAYER, offer.token.address, offer.pay_to, offer.amount)
        );
        assert_eq!(
            read.extra.name.as_deref(),
            Some("USD₮0"),
            "the token's own spelling, not USDT0"
        );
    }
}

#[test]
fn a_token_whose_domain_nobody_read_is_not_offered_until_the_operator_vouches_for_it() {
    let native = "0xb6ceceab302e2e4948951ee7843fc24e92933061";
    for name in ["USDC", native] {
        let refused = Token::find(Network::X_LAYER, name, &[]);
        assert!(
            matches!(refused, Err(OfferError::Terms(Reason::UnverifiedAsset { .. }))),
            "{name}"
        );
    }
    let vouched = |asset, decimals| VouchedToken {
        domain: VouchedDomain {
            network: Network::X_LAYER,
            asset,
            name: "T".into(),
            version: "9".into(),
        },
        decimals,
    };
    let word = [vouched(
        address!("b6ceceab302e2e4948951ee7843fc24e92933061"),
        None,
    )];
    let token = Token::find(Network::X_LAYER, "USDC", &word).unwrap();
    assert_eq!((&*token.domain.name, token.decimals), ("T", Some(6)));

    let own = address!("1111111111111111111111111111111111111111");
    let name = "0x1111111111111111111111111111111111111111";
    for (decimals, price) in [(Some(2), Ok(U256_1)), (None, Err(OfferError::UnknownDecimals))] {
        let token = Token::find(Network::X_LAYER, name, &[vouched(own, decimals)]).unwrap();
        assert_eq!(Price::Tokens("0.01".into()).in_units(token.decimals), price);
    }
    let unknown = Token::find(BASE, "USDG", &word);
    assert!(
        matches!(unknown, Err(OfferError::UnknownSymbol { .. })),
        "{unknown:?}"
    );
}

const U256_1: alloy_primitives::U256 = alloy_primitives::U256::ONE;

#[test]
fn an_offer_to_nobody_or_for_no_time_is_refused() {
    let token = || Token::find(Network::X_LAYER, "USDG", &[]).unwrap();
    let price = Price::Atomic("1".into());
    let zero = format!("0x{}", "0".repeat(40));
    for (pay_to, seconds) in [(zero.as_str(), 60), ("0x12", 60), ("", 60), (PAYEE, 0)] {
        let refused = Offer::new(token(), pay_to, &price, seconds).unwrap_err();
        assert_eq!(refused.sqlstate(), "X4003", "{pay_to:?} {seconds}");
    }
    let native = PAYEE.replacen("0x", "XKO", 1);
    assert_eq!(
        Offer::new(token(), &native, &price, 60).unwrap().pay_to,
        PAYEE.parse::<alloy_primitives::Address>().unwrap()
    );
    let base = Token::find(BASE, "USDC", &[]).unwrap();
    assert!(Offer::new(base, &native, &price, 60).is_err());
}

#[test]
fn finished_requirements_become_a_challenge_of_their_own_version() {
    let x_layer = offer(Network::X_LAYER, "USDG");
    let in_dialect = |dialect| x_layer.requirements(dialect, &Resource::default());
    let v2 = payment_required(&in_dialect(Dialect::V2), &report(), "pay").unwrap();
    assert_eq!(
        (&v2["x402Version"], &v2["resource"]["url"]),
        (&json!(2), &json!(report().url))
    );
    let v1 = payment_required(&json!([in_dialect(Dialect::Hybrid)]), &report(), "pay").unwrap();
    assert_eq!(v1["x402Version"], 1);
    assert_eq!(v1["accepts"][0]["resource"], report().url);
    assert_eq!(v1["accepts"][0]["mimeType"], "application/json");

    let mixed = json!([in_dialect(Dialect::V2), in_dialect(Dialect::V1)]);
    for bad in [json!([]), json!([{}]), json!("x"), mixed] {
        assert!(payment_required(&bad, &report(), "pay").is_err(), "{bad}");
    }
    assert!(payment_required(&in_dialect(Dialect::V2), &Resource::default(), "pay").is_err());
}
