//! Reason texts and codes.

use super::*;

#[test]
fn definite_refusals_are_final() {
    for reason in [
        "invalid payment header",
        "param_mismatch",
        "toAddr mismatch",
        "amount mismatch",
        "unsupported_chain",
        "payer_blocked",
        "risk_address",
        "resource mismatch",
        "no matching payment option",
        "invalid_signature",
        "insufficient_balance",
        "insufficient_funds",
        "invalid_exact_evm_payload_signature",
        "invalid_exact_evm_payload_recipient_mismatch",
        "invalid_exact_evm_payload_authorization_value_mismatch",
        "invalid_exact_evm_insufficient_balance",
        "invalid_exact_evm_token_name_mismatch",
        "invalid_network",
        "invalid_payload",
        "unsupported_scheme",
        "invalid_x402_version",
        "invalid_payment_requirements",
    ] {
        assert_eq!(
            refusal(reason),
            Outcome::Refused { class: Class::Final },
            "{reason}"
        );
    }
}

#[test]
fn refusals_that_pass_may_be_tried_again() {
    for reason in [
        "not_yet_valid",
        "invalid_exact_evm_payload_authorization_valid_after",
    ] {
        assert_eq!(
            refusal(reason),
            Outcome::Refused {
                class: Class::Retryable
            },
            "{reason}"
        );
    }
}

#[test]
fn trouble_with_a_node_may_come_after_it_took_the_transaction() {
    assert_eq!(
        refusal("onchain_error"),
        Outcome::Unknown {
            tx_hash: None,
            class: Class::Retryable
        }
    );
}

#[test]
fn a_used_nonce_may_mean_that_we_were_paid() {
    for reason in [
        "invalid signature, nonce_used",
        "nonce_used",
        "invalid_exact_evm_nonce_already_used",
        "Nonce used",
        "expired",
        "payment_expired",
        "invalid_exact_evm_payload_authorization_valid_before",
    ] {
        assert_eq!(
            refusal(reason),
            Outcome::Unknown {
                tx_hash: None,
                class: Class::Unknown
            },
            "{reason}"
        );
    }
}

#[test]
fn a_payment_in_processing_is_in_flight() {
    for reason in ["payment processing", "settlement_pending"] {
        assert_eq!(
            refusal(reason),
            Outcome::Unknown {
                tx_hash: None,
                class: Class::InFlight
            },
            "{reason}"
        );
    }
}

#[test]
fn words_we_do_not_know_are_unknown() {
    for reason in [
        "something new",
        "transaction_failed",
        "invalid_exact_evm_transaction_failed",
        "invalid_exact_evm_transaction_simulation_failed",
        "invalid_exact_evm_failed_to_get_receipt",
        "invalid_transaction_state",
        "unexpected_settle_error",
        "duplicate_settlement",
        "not invalid_signature",
    ] {
        assert_eq!(
            refusal(reason),
            Outcome::Unknown {
                tx_hash: None,
                class: Class::Unknown
            },
            "{reason}"
        );
    }
    assert_eq!(exact(json!({ "success": false })).name(), "unknown");
}

#[test]
fn credentials_clock_and_configuration_are_not_sent_and_pause_the_worker() {
    for number in [
        "50103", "50104", "50105", "50106", "50107", "50111", "50113", "50114", "50125",
    ] {
        assert!(
            is_not_sent(code(401, number), NotSentCause::Credentials),
            "{number}"
        );
        assert!(code(200, number).is_config(), "{number}");
    }
    assert!(is_not_sent(code(401, "50112"), NotSentCause::Clock));
    assert!(code(401, "50112").is_config());
    assert!(is_not_sent(code(400, "50014"), NotSentCause::Configuration));
    assert!(code(400, "50014").is_config());
}

#[test]
fn refused_parameters_are_not_sent_and_do_not_pause_the_worker() {
    for number in ["51000", "50036", "30001"] {
        let outcome = code(400, number);
        assert!(is_not_sent(outcome, NotSentCause::Parameters), "{number}");
        assert_eq!(
            (outcome.is_config(), outcome.class()),
            (false, Some(Class::Final)),
            "{number}"
        );
    }
}

#[test]
fn the_rate_limit_is_not_a_failure_and_hands_on_how_long_to_wait() {
    assert!(is_not_sent(code(200, "50011"), NotSentCause::RateLimited));
    let wait = Some(Duration::from_secs(3));
    for body in ["", "<html>", r#"{"code":50011,"msg":"Too Many Requests"}"#] {
        let call = Call::Status {
            status: 429,
            retry_after: wait,
            body: body.into(),
        };
        let outcome = settle_outcome(&asked(Scheme::Exact), &call).outcome;
        assert_eq!(
            outcome,
            Outcome::NotSent {
                cause: NotSentCause::RateLimited,
                retry_after: wait
            },
            "{body}"
        );
    }
}

#[test]
fn codes_of_other_products_and_unsupported_chains_are_final() {
    for number in [
        "50038", "10002", "70000", "70001", "70002", "70003", "70004", "81001", "81004", "80007",
    ] {
        assert_eq!(
            code(200, number),
            Outcome::Refused { class: Class::Final },
            "{number}"
        );
    }
}

#[test]
fn service_errors_and_codes_we_do_not_know_are_unknown() {
    for number in ["50001", "50026", "8000", "99999", "-1", "oops"] {
        assert_eq!(code(200, number).name(), "unknown", "{number}");
    }
}

#[test]
fn an_unlisted_code_with_a_listed_message_means_the_message() {
    let body = json!({ "code": "50999", "msg": "insufficient_balance", "data": null });
    assert_eq!(
        settled(Scheme::Exact, 200, &body),
        Outcome::Refused { class: Class::Final }
    );
}
