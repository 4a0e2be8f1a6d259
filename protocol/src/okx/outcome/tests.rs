mod refusals;

use alloy_primitives::Address;
use serde_json::{Value, json};

use super::*;
use crate::x402::Network;

const HASH: &str = "0xabababababababababababababababababababababababababababababababab";

fn asked(scheme: Scheme) -> Asked {
    Asked {
        scheme,
        network: Network::X_LAYER,
        payer: Address::repeat_byte(0x11),
    }
}

fn hash() -> B256 {
    B256::repeat_byte(0xab)
}

fn call(status: u16, body: &Value) -> Call {
    Call::Status {
        status,
        retry_after: None,
        body: body.to_string().into_bytes(),
    }
}

fn settled(scheme: Scheme, status: u16, body: &Value) -> Outcome {
    settle_outcome(&asked(scheme), &call(status, body)).outcome
}

/// An envelope with code 0 around `data`.
fn ok(data: Value) -> Value {
    json!({ "code": "0", "msg": "success", "data": data })
}

fn exact(data: Value) -> Outcome {
    settled(Scheme::Exact, 200, &ok(data))
}

fn refusal(reason: &str) -> Outcome {
    exact(json!({ "success": false, "errorReason": reason, "transaction": "", "network": "eip155:196" }))
}

fn code(status: u16, code: &str) -> Outcome {
    settled(
        Scheme::Exact,
        status,
        &json!({ "code": code, "msg": "words", "data": null }),
    )
}

fn is_not_sent(outcome: Outcome, expected: NotSentCause) -> bool {
    matches!(outcome, Outcome::NotSent { cause, .. } if cause == expected)
}

#[test]
fn confirmed_with_a_hash_is_settled() {
    let data = json!({ "success": true, "status": "success", "transaction": HASH });
    assert_eq!(exact(data), Outcome::Settled { tx_hash: hash() });
}

#[test]
fn pending_timeout_and_a_missing_status_are_submitted_when_a_hash_is_given() {
    for status in [json!("pending"), json!("timeout"), json!(""), json!(null)] {
        let data = json!({ "success": true, "status": status, "transaction": HASH });
        assert_eq!(exact(data), Outcome::Submitted { tx_hash: hash() }, "{status}");
    }
    let bare = json!({ "success": true, "transaction": HASH, "network": "eip155:196" });
    assert_eq!(
        settled(Scheme::Exact, 200, &bare),
        Outcome::Submitted { tx_hash: hash() }
    );
}

#[test]
fn success_without_a_well_formed_hash_is_unknown() {
    let zero = format!("0x{}", "00".repeat(32));
    for status in ["success", "timeout", "pending", ""] {
        for transaction in [
            "",
            "0x",
            "0xabab",
            &HASH[2..],
            &format!("{HASH}00"),
            &zero,
            "timeout",
        ] {
            let data = json!({ "success": true, "status": status, "transaction": transaction });
            let outcome = exact(data);
            assert!(
                matches!(outcome, Outcome::Unknown { tx_hash: None, .. }),
                "{status} {transaction}"
            );
        }
    }
}

#[test]
fn a_status_word_we_do_not_know_is_unknown_and_keeps_the_hash() {
    for status in ["failed", "SUCCESS", "done", "reverted"] {
        let outcome = exact(json!({ "success": true, "status": status, "transaction": HASH }));
        assert_eq!(
            outcome,
            Outcome::Unknown {
                tx_hash: Some(hash()),
                class: Class::Unknown
            },
            "{status}"
        );
    }
}

#[test]
fn a_deferred_payment_is_accepted_never_settled() {
    for transaction in ["", HASH] {
        let data = json!({ "success": true, "status": "success", "transaction": transaction });
        assert_eq!(settled(Scheme::AggrDeferred, 200, &ok(data)), Outcome::Accepted);
    }
    let timeout = ok(json!({ "success": true, "status": "timeout", "transaction": "" }));
    assert_eq!(settled(Scheme::AggrDeferred, 200, &timeout).name(), "unknown");
}

#[test]
fn generation_1_arrays_and_names_are_read() {
    let body = json!({ "code": 0, "msg": "", "data": [{
        "chainIndex": "196", "chainName": "X Layer", "success": true,
        "payer": format!("{:#x}", Address::repeat_byte(0x11)), "txHash": HASH, "errorMsg": "",
    }] });
    assert_eq!(
        settled(Scheme::Exact, 200, &body),
        Outcome::Submitted { tx_hash: hash() }
    );
    let refused = json!({ "code": "0", "data": [{ "success": false, "txHash": "", "errorMsg": "insufficient_balance" }] });
    let settlement = settle_outcome(&asked(Scheme::Exact), &call(200, &refused));
    assert_eq!(settlement.outcome, Outcome::Refused { class: Class::Final });
    assert_eq!(settlement.reason.as_deref(), Some("insufficient_balance"));
}

#[test]
fn a_refusal_that_names_a_transaction_is_not_a_refusal() {
    let data = |reason: &str| json!({ "success": false, "errorReason": reason, "transaction": HASH });
    assert_eq!(
        exact(data("settlement_pending")),
        Outcome::Submitted { tx_hash: hash() }
    );
    let known = Outcome::Unknown {
        tx_hash: Some(hash()),
        class: Class::Unknown,
    };
    for reason in ["insufficient_balance", "transaction_failed", "nonce_used", ""] {
        assert_eq!(exact(data(reason)), known, "{reason}");
    }
    let with_500 = json!({ "success": false, "errorReason": "settlement_pending", "transaction": HASH });
    assert_eq!(
        settled(Scheme::Exact, 500, &with_500),
        Outcome::Submitted { tx_hash: hash() }
    );
}

#[test]
fn a_code_may_be_a_number_or_a_text_and_data_null_empty_or_absent() {
    for body in [
        r#"{"code":50113,"msg":"Invalid Sign","data":{}}"#,
        r#"{"code":"50113","msg":"Invalid Sign","data":null}"#,
        r#"{"code":"50113","data":[]}"#,
        r#"{"error_code":"50113","error_message":"Invalid Sign"}"#,
        r#"{"code":0,"error_code":50113}"#,
    ] {
        let call = Call::Status {
            status: 401,
            retry_after: None,
            body: body.into(),
        };
        let outcome = settle_outcome(&asked(Scheme::Exact), &call).outcome;
        assert!(is_not_sent(outcome, NotSentCause::Credentials), "{body}");
    }
}

#[test]
fn code_0_without_an_answer_is_unknown() {
    for data in [
        json!(null),
        json!({}),
        json!([]),
        json!("ok"),
        json!({ "success": "true" }),
    ] {
        assert_eq!(exact(data.clone()).name(), "unknown", "{data}");
    }
    let body = json!({ "code": 0, "msg": "insufficient_balance", "data": null });
    assert_eq!(settled(Scheme::Exact, 200, &body).name(), "unknown");
}

#[test]
fn server_errors_are_unknown_whatever_they_say() {
    for status in [500, 502, 503, 504] {
        for number in ["50026", "50113", "51000", "50011", "0"] {
            assert_eq!(code(status, number).name(), "unknown", "{status} {number}");
        }
        let refused = json!({ "success": false, "errorReason": "insufficient_balance" });
        assert_eq!(
            settled(Scheme::Exact, status, &refused).name(),
            "unknown",
            "{status}"
        );
    }
    let success = json!({ "success": true, "status": "success", "transaction": HASH });
    assert_eq!(
        settled(Scheme::Exact, 500, &success),
        Outcome::Submitted { tx_hash: hash() }
    );
}

#[test]
fn bodies_that_cannot_be_read_are_unknown_but_for_401_and_429() {
    for status in [200, 204, 301, 400, 403, 404, 500, 502] {
        for body in [
            &b""[..],
            b"<html>",
            b"{\"code\":",
            b"[]",
            b"null",
            b"{}",
            b"\xff\xfe",
        ] {
            let call = Call::Status {
                status,
                retry_after: None,
                body: body.to_vec(),
            };
            assert_eq!(
                settle_outcome(&asked(Scheme::Exact), &call).outcome.name(),
                "unknown",
                "{status}"
            );
        }
    }
    let unauthorised = Call::Status {
        status: 401,
        retry_after: None,
        body: b"denied".to_vec(),
    };
    let outcome = settle_outcome(&asked(Scheme::Exact), &unauthorised).outcome;
    assert!(is_not_sent(outcome, NotSentCause::Credentials));
}

#[test]
fn no_connection_is_not_sent_and_a_cut_one_is_unknown() {
    let not_sent = settle_outcome(&asked(Scheme::Exact), &Call::NotSent("dns error".into()));
    assert!(is_not_sent(not_sent.outcome, NotSentCause::Unreachable));
    assert_eq!(not_sent.reason.as_deref(), Some("dns error"));
    let cut = settle_outcome(&asked(Scheme::Exact), &Call::Cut("timed out".into()));
    assert_eq!(
        cut.outcome,
        Outcome::Unknown {
            tx_hash: None,
            class: Class::Retryable
        }
    );
}

#[test]
fn an_answer_about_another_chain_payer_or_transaction_is_unknown_and_its_hash_is_not_taken() {
    let other = "0x2222222222222222222222222222222222222222";
    let contradictions = [
        json!({ "network": "eip155:8453" }),
        json!({ "network": "somewhere" }),
        json!({ "chainIndex": "1" }),
        json!({ "chainIndex": 1 }),
        json!({ "payer": other }),
        json!({ "payer": "0x12" }),
        json!({ "txHash": format!("0x{}", "cd".repeat(32)) }),
    ];
    for extra in contradictions {
        let mut data = json!({ "success": true, "status": "success", "transaction": HASH });
        data.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        assert_eq!(
            exact(data),
            Outcome::Unknown {
                tx_hash: None,
                class: Class::Unknown
            },
            "{extra}"
        );
    }
}

#[test]
fn names_and_letter_case_of_the_same_chain_and_payer_do_not_contradict() {
    for (network, prefix) in ["eip155:196", "xlayer", "X Layer", "196", ""]
        .into_iter()
        .zip(["0x", "XKO"].into_iter().cycle())
    {
        let payer = format!("{prefix}{}", "11".repeat(20));
        let data = json!({ "success": true, "status": "success", "transaction": HASH.to_uppercase().replace("0X", "0x"),
            "network": network, "payer": payer });
        assert_eq!(exact(data), Outcome::Settled { tx_hash: hash() }, "{network}");
    }
}

#[test]
fn evidence_keeps_what_was_said_and_nothing_that_could_be_a_signature() {
    let signature = format!("0x{}", "ab".repeat(65));
    let data = json!({ "success": false, "errorReason": format!("bad {signature}."), "payload": signature });
    let settlement = settle_outcome(&asked(Scheme::Exact), &call(200, &ok(data)));
    assert_eq!(settlement.reason.as_deref(), Some("bad [redacted]."));
    assert!(!settlement.evidence.to_string().contains(&signature[2..]));
    assert_eq!(settlement.evidence["http_status"], 200);

    let echo = Call::Status {
        status: 502,
        retry_after: None,
        body: format!("{{{signature}").into_bytes(),
    };
    let settlement = settle_outcome(&asked(Scheme::Exact), &echo);
    assert!(
        !settlement.evidence.to_string().contains(&signature[2..]),
        "{}",
        settlement.evidence
    );

    let sent = json!({ "success": true, "status": "pending", "transaction": HASH });
    let settlement = settle_outcome(&asked(Scheme::Exact), &call(200, &ok(sent)));
    assert_eq!(settlement.evidence["transaction"], HASH);
    assert_eq!(settlement.reason, None);
}
