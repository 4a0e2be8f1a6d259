//! The three questions that spend nothing.

use std::time::Duration;

use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use super::*;
use crate::x402::{Network, Scheme, Version};

fn asked() -> Asked {
    Asked {
        scheme: Scheme::Exact,
        network: Network::X_LAYER,
        payer: Address::repeat_byte(0x11),
    }
}

fn call(status: u16, body: &Value) -> Call {
    Call::Status {
        status,
        retry_after: None,
        body: body.to_string().into_bytes(),
    }
}

fn ok(data: Value) -> Call {
    call(200, &json!({ "code": 0, "msg": "", "data": data }))
}

fn status(data: Value) -> HashStatus {
    hash_status(&asked(), B256::repeat_byte(0xab), &ok(data))
}

#[test]
fn success_of_the_status_query_is_not_success_of_the_payment() {
    assert_eq!(
        status(json!({ "success": true, "status": "success" })),
        HashStatus::Succeeded
    );
    for word in [json!("pending"), json!(null), json!("new word")] {
        assert_eq!(
            status(json!({ "success": true, "status": word })),
            HashStatus::Pending,
            "{word}"
        );
    }
    let failed = status(json!({ "success": true, "status": "failed", "errorReason": "reverted" }));
    assert_eq!(
        failed,
        HashStatus::Failed {
            reason: Some("reverted".into())
        }
    );
}

#[test]
fn an_unknown_hash_is_not_a_failure() {
    let data = json!({ "success": false, "errorReason": "not_found", "transaction": null, "status": null });
    assert_eq!(status(data), HashStatus::NotFound);
}

#[test]
fn a_status_about_another_transaction_payer_or_chain_is_no_answer() {
    for extra in [
        json!({ "transaction": format!("0x{}", "cd".repeat(32)) }),
        json!({ "payer": format!("0x{}", "22".repeat(20)) }),
        json!({ "network": "base" }),
    ] {
        let mut data = json!({ "success": true, "status": "success" });
        data.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        assert!(matches!(status(data), HashStatus::NoAnswer(_)), "{extra}");
    }
}

#[test]
fn a_status_call_that_fails_is_no_answer() {
    for call in [
        Call::NotSent("dns".into()),
        Call::Cut("reset".into()),
        call(500, &json!({ "success": true, "status": "success" })),
        call(200, &json!({ "code": 50026, "data": null })),
        ok(json!(null)),
    ] {
        let status = hash_status(&asked(), B256::repeat_byte(0xab), &call);
        assert!(matches!(status, HashStatus::NoAnswer(_)), "{call:?}");
    }
}

#[test]
fn verify_answers_are_read_in_both_generations_forms() {
    for data in [
        json!({ "isValid": true }),
        json!([{ "isValid": true, "payer": "" }]),
    ] {
        assert_eq!(verify_answer(&asked(), &ok(data)), VerifyAnswer::Valid);
    }
    assert_eq!(
        verify_answer(&asked(), &call(200, &json!({ "isValid": true }))),
        VerifyAnswer::Valid
    );
    for (reason, class) in [
        ("invalid_signature", Class::Final),
        ("invalid signature, nonce_used", Class::Unknown),
        ("payment processing", Class::InFlight),
        ("onchain_error", Class::Retryable),
        ("a new word", Class::Unknown),
    ] {
        let answer = verify_answer(
            &asked(),
            &ok(json!({ "isValid": false, "invalidReason": reason })),
        );
        assert_eq!(
            answer,
            VerifyAnswer::Invalid {
                class,
                reason: reason.into()
            }
        );
    }
}

#[test]
fn a_verify_call_without_a_judgement_says_whom_to_blame() {
    let class = |call: &Call| match verify_answer(&asked(), call) {
        VerifyAnswer::NoAnswer(no_answer) => no_answer.class,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        class(&call(401, &json!({ "code": "50113", "msg": "Invalid Sign" }))),
        Class::Config
    );
    assert_eq!(class(&call(401, &json!("denied"))), Class::Config);
    assert_eq!(class(&call(500, &json!({ "isValid": true }))), Class::Retryable);
    assert_eq!(class(&ok(json!({}))), Class::Unknown);
    assert_eq!(
        class(&ok(
            json!({ "isValid": true, "payer": format!("0x{}", "22".repeat(20)) })
        )),
        Class::Unknown
    );
    assert_eq!(class(&Call::Cut("reset".into())), Class::Retryable);
}

#[test]
fn waiting_time_of_a_limited_question_is_handed_on() {
    let wait = Some(Duration::from_secs(2));
    let call = Call::Status {
        status: 429,
        retry_after: wait,
        body: Vec::new(),
    };
    let no_answer = supported_kinds(&call).unwrap_err();
    assert_eq!((no_answer.class, no_answer.retry_after), (Class::Retryable, wait));
}

#[test]
fn supported_lists_are_read_in_both_generations_forms() {
    let kind = |version, scheme| Kind {
        version,
        scheme,
        network: Network::X_LAYER,
        extra: None,
    };
    let two = json!({ "kinds": [
        { "x402Version": 2, "scheme": "exact", "network": "eip155:196" },
        { "x402Version": 2, "scheme": "aggr_deferred", "network": "eip155:196", "extra": null },
        { "x402Version": 9, "scheme": "exact", "network": "eip155:196" },
        { "x402Version": 2, "scheme": "exact", "network": "solana:x" },
    ], "extensions": [], "signers": {} });
    let expected = vec![
        kind(Version::V2, Scheme::Exact),
        kind(Version::V2, Scheme::AggrDeferred),
    ];
    assert_eq!(supported_kinds(&ok(two.clone())), Ok(expected.clone()));
    assert_eq!(supported_kinds(&call(200, &two)), Ok(expected));
    let one = json!([{ "x402Version": "1", "scheme": "exact", "chainIndex": "196", "chainName": "X Layer" }]);
    assert_eq!(
        supported_kinds(&ok(one)),
        Ok(vec![kind(Version::V1, Scheme::Exact)])
    );
    assert!(supported_kinds(&ok(json!(null))).is_err());
}
