//! What must hold for any input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed the test"
)]

mod support;

use alloy_primitives::{Address, U256};
use insforge_protocol::evm::signature::Signature;
use insforge_protocol::evm::{Authorization, Domain, uint256};
use insforge_protocol::judge::{Domains, Verdict, judge_json};
use insforge_protocol::okx::{
    Asked, Call, Envelope, hash_status, settle_outcome, supported_kinds, verify_answer,
};
use insforge_protocol::x402::{Network, Payment, Requirements, Scheme, header};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::buyer::{NOW, authorization, offer, payment, sign, usdg};

/// Any JSON, a few levels deep, with our own member names among the keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "0x[0-9a-f]{0,70}".prop_map(Value::from),
        "(eip155:)?[0-9]{1,22}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any_key(), inner, 0..6).prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "x402Version",
        "scheme",
        "network",
        "payload",
        "accepted",
        "authorization",
        "signature",
        "from",
        "to",
        "value",
        "validAfter",
        "validBefore",
        "nonce",
        "amount",
        "maxAmountRequired",
        "asset",
        "payTo",
        "extra",
        "chainIndex",
        "code",
        "msg",
        "data",
        "success",
        "status",
        "transaction",
        "txHash",
        "kinds",
        "isValid",
        "payer",
        "errorReason",
    ];
    prop_oneof![4 => proptest::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,6}"]
}

/// The sound payment or offer with one member, anywhere, replaced by any JSON.
fn disturbed(sound: Value) -> impl Strategy<Value = Value> {
    let places = pointers(&sound, "");
    (proptest::sample::select(places), any_json()).prop_map(move |(place, other)| {
        let mut value = sound.clone();
        if let Some(member) = value.pointer_mut(&place) {
            *member = other;
        }
        value
    })
}

fn pointers(value: &Value, at: &str) -> Vec<String> {
    let members = value.as_object().into_iter().flatten();
    let below = members.flat_map(|(key, member)| pointers(member, &format!("{at}/{key}")));
    std::iter::once(at.to_owned()).chain(below).collect()
}

fn asked() -> Asked {
    Asked {
        scheme: Scheme::Exact,
        network: Network::X_LAYER,
        payer: Address::repeat_byte(0x11),
    }
}

fn any_authorization() -> impl Strategy<Value = Authorization> {
    let word = any::<[u8; 32]>();
    (any::<[u8; 20]>(), any::<[u8; 20]>(), word, word, word, word).prop_map(
        |(from, to, v, after, before, nonce)| Authorization {
            from: from.into(),
            to: to.into(),
            value: U256::from_be_bytes(v),
            valid_after: U256::from_be_bytes(after),
            valid_before: U256::from_be_bytes(before),
            nonce: nonce.into(),
        },
    )
}

proptest! {
    #[test]
    fn a_header_reads_back_as_what_was_written(message in any_json()) {
        let header = header::encode(&message);
        prop_assume!(header.len() <= header::MAX_HEADER_BYTES);
        prop_assert_eq!(header::decode(&header).unwrap(), message.clone());
        let url_safe = header.trim_end_matches('=').replace('+', "-").replace('/', "_");
        prop_assert_eq!(header::decode(&url_safe).unwrap(), message);
    }

    #[test]
    fn no_header_text_is_a_crash(text in "\\PC{0,200}") {
        let _ = header::decode(&text);
    }

    #[test]
    fn no_json_is_a_crash_or_a_payment_by_chance(raw in any_json()) {
        prop_assert!(Payment::parse(&raw).is_err());
        let _ = Requirements::parse(&raw);
    }

    #[test]
    fn whatever_is_done_to_a_member_of_the_payment_is_judged_without_a_crash(raw in disturbed(payment(&authorization()))) {
        let judgement = judge_json(&raw, &offer(), Domains::Vouched(&[]), NOW);
        let same = raw["payload"] == payment(&authorization())["payload"];
        // Only members that nobody signed, and that decide nothing, may change without consequence.
        prop_assert!(same || judgement.verdict != Verdict::Valid, "{:?}", judgement.verdict);
        if let Some(read) = judgement.payment {
            prop_assert_eq!(read.raw(), &raw);
        }
    }

    #[test]
    fn whatever_is_done_to_the_offer_is_judged_without_a_crash(raw in disturbed(offer())) {
        let _ = judge_json(&payment(&authorization()), &raw, Domains::Vouched(&[]), NOW);
    }

    #[test]
    fn no_answer_of_a_facilitator_is_a_crash(body in vec(any::<u8>(), 0..200), json in any_json(), status in 100u16..600) {
        for body in [body, json.to_string().into_bytes()] {
            let _ = Envelope::parse(&body);
            let call = Call::Status { status, retry_after: None, body };
            let _ = (settle_outcome(&asked(), &call), verify_answer(&asked(), &call), supported_kinds(&call).is_ok());
            let _ = hash_status(&asked(), [0xab; 32].into(), &call);
        }
    }

    #[test]
    fn an_answer_that_does_not_say_success_never_settles(mut answer in any_json(), status in 100u16..600) {
        if let Some(members) = answer.as_object_mut() {
            members.remove("success");
        }
        let body = json!({ "code": 0, "data": answer }).to_string().into_bytes();
        let outcome = settle_outcome(&asked(), &Call::Status { status, retry_after: None, body }).outcome;
        prop_assert!(!["settled", "accepted", "submitted"].contains(&outcome.name()), "{:?}", outcome);
    }

    #[test]
    fn a_digest_changes_with_every_field(message in any_authorization(), bit in 0usize..8) {
        let digest = message.digest(&usdg());
        let flip = U256::from(1u64 << bit);
        let mut flipped = [message; 6];
        flipped[0].from.0[19] ^= 1 << bit;
        flipped[1].to.0[0] ^= 1 << bit;
        flipped[2].value ^= flip;
        flipped[3].valid_after ^= flip;
        flipped[4].valid_before ^= flip;
        flipped[5].nonce.0[31] ^= 1 << bit;
        for other in flipped {
            prop_assert_ne!(other.digest(&usdg()), digest);
        }
        let domains = [
            Domain { name: "USDG".into(), ..usdg() },
            Domain { version: "2".into(), ..usdg() },
            Domain { chain_id: 195, ..usdg() },
            Domain { verifying_contract: Address::repeat_byte(bit as u8), ..usdg() },
        ];
        for other in domains {
            prop_assert_ne!(message.digest(&other), digest);
        }
    }

    #[test]
    fn a_signature_by_k256_recovers_to_its_key_and_breaks_with_any_bit(message in any_authorization(), bit in 0usize..512) {
        let digest = message.digest(&usdg());
        let payer = authorization().from;
        let mut bytes = sign(&message, &usdg());
        let parse = |bytes: &[u8]| Signature::parse(&alloy_primitives::hex::encode_prefixed(bytes));
        let Ok(Signature::Eoa(sound)) = parse(&bytes) else { panic!("a sound signature was refused") };
        prop_assert_eq!(sound.recover(digest), Ok(payer));
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(Signature::Eoa(broken)) = parse(&bytes) {
            prop_assert!(broken.verify(digest, payer).is_err());
        }
    }

    #[test]
    fn every_uint256_reads_back_from_its_decimal_text(word in any::<[u8; 32]>()) {
        let value = U256::from_be_bytes(word);
        prop_assert_eq!(uint256(&value.to_string()), Some(value));
    }
}
