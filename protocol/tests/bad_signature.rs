//! Signatures that must not count, and those that only the chain can judge.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

mod support;

use alloy_primitives::{Address, U256};
use insforge_protocol::evm::Authorization;
use insforge_protocol::judge::{Domains, Verdict, Why, judge_json};
use serde_json::json;
use support::buyer::{NOW, authorization, offer, payment, payment_with, sign, sign_with, usdg};
use support::judging::{refused, signed, verdict, with};

#[track_caller]
fn refused_signature(signature: &[u8], hint: &str) {
    let payment = payment_with(&authorization(), signature);
    let reason = refused(&payment, &offer(), "invalid_exact_evm_payload_signature", "X4018");
    assert!(reason.to_string().contains(hint), "{reason}");
}

#[test]
fn the_high_s_twin_of_a_good_signature_is_refused() {
    let mut twin = sign(&authorization(), &usdg());
    let order = U256::from_be_bytes(alloy_primitives::hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));
    let s = U256::from_be_slice(&twin[32..64]);
    twin[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
    twin[64] = 55 - twin[64];
    refused_signature(&twin, "high s");
}

#[test]
fn another_signer_is_refused_and_named() {
    let other = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
    let signature = sign_with(other, &authorization(), &usdg());
    refused_signature(&signature, "0x70997970c51812dc3a010c7d01b50e0d17dc79c8");
}

#[test]
fn signatures_of_a_form_that_tokens_do_not_take_are_refused() {
    let good = sign(&authorization(), &usdg());
    refused_signature(&good[..64], "64 bytes");
    refused_signature(&good[..63], "63 bytes");
    refused_signature(&[], "0 bytes");
    refused_signature(&[&good[..64], &[29]].concat(), "v = 29");
    refused_signature(&[&[0; 64][..], &[27]].concat(), "group order");
    refused_signature(&[&[0xff; 32][..], &good[32..]].concat(), "group order");
}

#[test]
fn the_zero_address_never_paid() {
    let payment = signed(|message| message.from = Address::ZERO);
    refused(&payment, &offer(), "invalid_exact_evm_payload_signature", "X4018");
}

#[test]
fn v_of_0_or_1_is_taken() {
    let mut signature = sign(&authorization(), &usdg());
    signature[64] -= 27;
    assert_eq!(
        verdict(&payment_with(&authorization(), &signature), &offer()),
        Verdict::Valid
    );
}

#[test]
fn contract_wallets_and_deferred_payments_are_never_called_valid() {
    let wallet = payment_with(&authorization(), &[7; 130]);
    assert!(matches!(
        verdict(&wallet, &offer()),
        Verdict::Indeterminate(Why::ContractWallet(_))
    ));
    let asks = with(offer(), "/scheme", json!("aggr_deferred"));
    let mut deferred = signed(|message| message.valid_before = U256::MAX);
    deferred["accepted"]["scheme"] = json!("aggr_deferred");
    refused(&deferred, &asks, "invalid_payload", "X4002");
    deferred["accepted"]["extra"]["sessionCert"] = json!("Y2VydA==");
    deferred["payload"]["signature"] = json!("c2lnbmF0dXJl");
    assert_eq!(verdict(&deferred, &asks), Verdict::Indeterminate(Why::Deferred));
}

#[test]
fn an_indeterminate_signature_does_not_hide_another_defect() {
    let message = Authorization {
        value: U256::from(1),
        ..authorization()
    };
    let wallet = payment_with(&message, &[7; 130]);
    refused(
        &wallet,
        &offer(),
        "invalid_exact_evm_payload_authorization_value_mismatch",
        "X4014",
    );
}

#[test]
fn no_message_shows_the_signature() {
    let payment = payment(&authorization());
    let signature = payment["payload"]["signature"].as_str().unwrap();
    let shown = format!("{:?}", judge_json(&payment, &offer(), Domains::Vouched(&[]), NOW));
    assert!(!shown.contains(&signature[2..]), "{shown}");
    assert!(!shown.contains(&signature[10..40]), "{shown}");
}
