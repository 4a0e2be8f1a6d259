//! Everything a buyer can get wrong, each with the reason it is told and the SQLSTATE it gets in SQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

mod support;

use alloy_primitives::{Address, U256};
use insforge_protocol::evm::Authorization;
use insforge_protocol::judge::Verdict;
use insforge_protocol::x402::{Reason, header};
use serde_json::json;
use support::buyer::{NOW, authorization, offer, payment};
use support::judging::{refused, signed, verdict, with, without};

#[test]
fn a_sound_payment_is_valid() {
    assert_eq!(verdict(&payment(&authorization()), &offer()), Verdict::Valid);
}

#[test]
fn headers_that_cannot_be_read_say_what_is_wrong_with_them() {
    let latin1 = "eyJuYW1lIjoiVVNE6SJ9";
    let cases = [
        ("A".repeat(header::MAX_HEADER_BYTES + 1), "X4H01"),
        (" \t ".to_owned(), "X4H02"),
        (r#"{"x402Version":2}"#.to_owned(), "X4H03"),
        ("%%%".to_owned(), "X4H04"),
        ("e30=e30=".to_owned(), "X4H04"),
        (latin1.to_owned(), "X4H05"),
        ("bm90IGpzb24=".to_owned(), "X4H06"),
    ];
    for (header, sqlstate) in cases {
        let reason = Reason::from(header::decode(&header).unwrap_err());
        assert_eq!(
            (reason.code(), reason.sqlstate()),
            ("invalid_payload", sqlstate),
            "{reason}"
        );
    }
}

#[test]
fn a_version_other_than_1_and_2_is_refused() {
    for version in [json!(3), json!(0), json!("two"), json!(2.5), json!(null)] {
        let payment = with(payment(&authorization()), "/x402Version", version);
        refused(&payment, &offer(), "invalid_x402_version", "X4001");
    }
}

#[test]
fn payments_that_are_not_objects_are_refused() {
    for payment in [json!(null), json!([]), json!("payment"), json!(7)] {
        refused(&payment, &offer(), "invalid_payload", "X4002");
    }
}

#[test]
fn amounts_must_be_canonical_decimal_strings_below_2_to_the_256() {
    let above = (U256::MAX.to_string() + "0", "1".repeat(79));
    let amounts = [
        json!(10000),
        json!(10000.5),
        json!({ "basic": "10000", "premium": "20000" }),
        json!(["10000"]),
        json!(null),
        json!(""),
        json!("10000.0"),
        json!("-10000"),
        json!("+10000"),
        json!("010000"),
        json!("1e4"),
        json!("0x2710"),
        json!(above.0),
        json!(above.1),
    ];
    for amount in amounts {
        let sound = payment(&authorization());
        let signed = with(sound.clone(), "/payload/authorization/value", amount.clone());
        refused(&signed, &offer(), "invalid_payload", "X4002");
        let copied = with(sound.clone(), "/accepted/amount", amount.clone());
        refused(&copied, &offer(), "invalid_payload", "X4002");
        let stated = with(offer(), "/amount", amount);
        refused(&sound, &stated, "invalid_payment_requirements", "X4003");
    }
}

#[test]
fn every_signed_member_must_be_there_and_well_formed() {
    for member in ["from", "to", "value", "validAfter", "validBefore", "nonce"] {
        let sound = payment(&authorization());
        let absent = without(sound.clone(), "/payload/authorization", member);
        let reason = refused(&absent, &offer(), "invalid_payload", "X4002");
        assert!(reason.to_string().contains(member), "{reason}");
        for bad in [
            json!(1),
            json!("0x12"),
            json!(true),
            json!("XKO4ae46a509f6b1d9056937ba4500cb143933d2dc8"),
        ] {
            let payment = with(sound.clone(), &format!("/payload/authorization/{member}"), bad);
            refused(&payment, &offer(), "invalid_payload", "X4002");
        }
    }
}

#[test]
fn a_payment_without_choice_payload_or_signature_is_refused() {
    let sound = payment(&authorization());
    for (parent, member) in [
        ("", "accepted"),
        ("", "payload"),
        ("/payload", "signature"),
        ("/payload", "authorization"),
    ] {
        refused(
            &without(sound.clone(), parent, member),
            &offer(),
            "invalid_payload",
            "X4002",
        );
    }
}

#[test]
fn permit2_is_refused_as_another_payload_type() {
    let mut permit = without(payment(&authorization()), "/payload", "authorization");
    permit["payload"]["permit2Authorization"] = json!({});
    refused(&permit, &offer(), "unsupported_payload_type", "X4004");
    let mut asks = offer();
    asks["extra"]["assetTransferMethod"] = json!("permit2");
    refused(
        &payment(&authorization()),
        &asks,
        "unsupported_payload_type",
        "X4004",
    );
}

#[test]
fn unknown_and_unequal_schemes_are_told_apart() {
    let upto = with(payment(&authorization()), "/accepted/scheme", json!("upto"));
    refused(&upto, &offer(), "unsupported_scheme", "X4005");
    let deferred = with(offer(), "/scheme", json!("aggr_deferred"));
    refused(
        &payment(&authorization()),
        &deferred,
        "invalid_exact_evm_scheme",
        "X4006",
    );
}

#[test]
fn unknown_and_unequal_networks_are_told_apart() {
    for name in [
        "solana",
        "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
        "eip155:0196",
        "eip155:",
        "",
        "eip155:x",
    ] {
        let payment = with(payment(&authorization()), "/accepted/network", json!(name));
        refused(&payment, &offer(), "invalid_network", "X4007");
    }
    let base = with(payment(&authorization()), "/accepted/network", json!("base"));
    refused(&base, &offer(), "invalid_exact_evm_network_mismatch", "X4008");
}

#[test]
fn an_unknown_asset_is_refused() {
    let strange = with(
        offer(),
        "/asset",
        json!("0x1e4a5963abfd975d8c9021ce480b42188849d41d"),
    );
    refused(
        &payment(&authorization()),
        &strange,
        "invalid_exact_evm_missing_eip712_domain",
        "X4009",
    );
}

#[test]
fn an_asset_with_an_unverified_domain_is_refused() {
    let native = with(
        offer(),
        "/asset",
        json!("0xB6CEceAB302E2E4948951eE7843FC24E92933061"),
    );
    refused(
        &payment(&authorization()),
        &native,
        "invalid_exact_evm_missing_eip712_domain",
        "X4010",
    );
}

#[test]
fn an_offer_with_a_domain_that_is_not_the_tokens_is_refused() {
    let sound = payment(&authorization());
    let name = with(offer(), "/extra/name", json!("USDG"));
    refused(&sound, &name, "invalid_exact_evm_token_name_mismatch", "X4011");
    let version = with(offer(), "/extra/version", json!("2"));
    refused(
        &sound,
        &version,
        "invalid_exact_evm_token_version_mismatch",
        "X4012",
    );
}

#[test]
fn a_payment_to_somebody_else_is_refused() {
    let redirected = signed(|message| message.to = Address::repeat_byte(7));
    refused(
        &redirected,
        &offer(),
        "invalid_exact_evm_payload_recipient_mismatch",
        "X4013",
    );
}

#[test]
fn one_unit_less_and_one_unit_more_are_refused() {
    for value in [9_999_u64, 10_001, 0] {
        let payment = signed(|message| message.value = U256::from(value));
        refused(
            &payment,
            &offer(),
            "invalid_exact_evm_payload_authorization_value_mismatch",
            "X4014",
        );
    }
}

#[test]
fn a_buyer_cannot_set_price_or_payee_with_its_own_copy() {
    let message = Authorization {
        to: Address::repeat_byte(7),
        value: U256::from(1),
        ..authorization()
    };
    let own = with(
        with(payment(&message), "/accepted/amount", json!("1")),
        "/accepted/payTo",
        json!(message.to.to_string()),
    );
    refused(
        &own,
        &offer(),
        "invalid_exact_evm_payload_recipient_mismatch",
        "X4013",
    );
    for (member, value) in [
        ("/accepted/amount", json!("1")),
        ("/accepted/payTo", json!(Address::repeat_byte(7).to_string())),
        (
            "/accepted/asset",
            json!("0x779Ded0c9e1022225f8E0630b35a9b54bE713736"),
        ),
        ("/accepted/extra/name", json!("USDG")),
        ("/accepted/extra/version", json!("2")),
        ("/accepted/maxTimeoutSeconds", json!(301)),
    ] {
        let copy = with(payment(&authorization()), member, value);
        refused(&copy, &offer(), "accepted_requirements_mismatch", "X4015");
    }
}

#[test]
fn a_buyers_copy_may_say_more_and_write_otherwise() {
    let mut copy = payment(&authorization());
    let accepted = &mut copy["accepted"];
    accepted["asset"] = json!("0x4AE46A509F6B1D9056937BA4500CB143933D2DC8");
    accepted["network"] = json!("X Layer");
    accepted["maxTimeoutSeconds"] = json!(60);
    accepted["extra"]["sessionCert"] = json!("AAAA");
    accepted["note"] = json!("from the buyer");
    assert_eq!(verdict(&copy, &offer()), Verdict::Valid);
}

#[test]
fn expired_payments_and_those_within_the_margin_are_refused() {
    for left in [-3600, 0, 5] {
        let until = NOW.saturating_add_signed(left);
        let payment = signed(|message| message.valid_before = U256::from(until));
        let code = "invalid_exact_evm_payload_authorization_valid_before";
        refused(&payment, &offer(), code, "X4016");
    }
    let margin = signed(|message| message.valid_before = U256::from(NOW + 6));
    assert_eq!(verdict(&margin, &offer()), Verdict::Valid);
}

#[test]
fn payments_that_are_not_yet_valid_are_refused() {
    let early = signed(|message| message.valid_after = U256::from(NOW + 1));
    refused(
        &early,
        &offer(),
        "invalid_exact_evm_payload_authorization_valid_after",
        "X4017",
    );
    let just = signed(|message| message.valid_after = U256::from(NOW));
    assert_eq!(verdict(&just, &offer()), Verdict::Valid);
}

#[test]
fn requirements_that_cannot_be_charged_are_refused() {
    let sound = payment(&authorization());
    let bad = [
        json!("10000"),
        without(offer(), "", "asset"),
        without(offer(), "", "payTo"),
        without(offer(), "", "amount"),
        without(offer(), "", "network"),
        with(offer(), "/payTo", json!(Address::ZERO.to_string())),
        with(offer(), "/maxTimeoutSeconds", json!(0)),
        with(offer(), "/maxTimeoutSeconds", json!("300")),
        with(offer(), "/extra", json!("Global Dollar")),
        with(offer(), "/extra", json!({ "sessionCert": "Y2VydA==" })),
    ];
    for requirements in bad {
        refused(&sound, &requirements, "invalid_payment_requirements", "X4003");
    }
    let mut twice = offer();
    twice["maxAmountRequired"] = json!("20000");
    refused(&sound, &twice, "invalid_payment_requirements", "X4003");
}
