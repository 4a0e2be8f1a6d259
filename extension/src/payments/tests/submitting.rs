//! What enters the ledger, and what does not.

use pgrx::prelude::*;
use serde_json::{Value, json};

use super::support::*;

#[pg_schema]
mod tests {
    use super::*;

    #[pg_test]
    fn the_same_authorization_is_one_payment() {
        let (payment, required) = lasting();
        let first = submit(payment.clone(), required.clone(), "/report");
        assert_eq!(submit(payment, required, "/report"), first);
        assert_eq!(
            one("SELECT count(*)::text FROM x402_payments").as_deref(),
            Some("1")
        );
        assert_eq!(
            one("SELECT string_agg(to_status, ',') FROM x402.events").as_deref(),
            Some("pending")
        );
    }

    #[pg_test]
    fn a_payment_is_bound_to_its_first_resource() {
        let (payment, required) = lasting();
        submit(payment.clone(), required.clone(), "/other");
        assert!(submit_failure(&payment, &required).starts_with("X4019 duplicate_settlement"));
    }

    #[pg_test]
    fn a_known_nonce_with_a_forged_signature_finds_nothing() {
        let (mut payment, required) = lasting();
        submit(payment.clone(), required.clone(), "/report");
        let signature = payment["payload"]["signature"]
            .as_str()
            .unwrap()
            .replace("0xe66b", "0xe66c");
        payment["payload"]["signature"] = signature.into();
        assert!(submit_failure(&payment, &required).starts_with("X4018 "));
    }

    #[pg_test]
    fn a_payment_that_names_no_resource_is_refused() {
        let (payment, required) = lasting();
        let refused = failure(&format!("SELECT x402.submit('{payment}', '{required}')"));
        assert!(
            refused.starts_with("22023 the payment names no resource"),
            "{refused}"
        );
    }

    #[pg_test]
    fn null_is_refused_and_not_recorded() {
        assert!(failure("SELECT x402.submit(NULL, '{}', '/r')").starts_with("22004 "));
        assert!(failure("SELECT x402.submit('{}', NULL, '/r')").starts_with("22004 "));
    }

    #[pg_test]
    fn each_bad_payment_gets_its_own_error_and_no_row() {
        type Break = fn(&mut Value, &mut Value);
        let breaks: [(&str, Break); 11] = [
            ("X4001", |p, _| p["x402Version"] = json!(3)),
            ("X4005", |p, _| p["scheme"] = json!("upto")),
            ("X4007", |p, _| p["network"] = json!("dogecoin")),
            ("X4008", |p, _| p["network"] = json!("eip155:8453")),
            ("X4002", |p, _| {
                p["payload"]["authorization"]["value"] = json!(1.5)
            }),
            ("X4002", |p, _| {
                p["payload"]["authorization"]["value"] = json!("-1")
            }),
            ("X4003", |_, r| r["amount"] = json!({"basic": "1"})),
            ("X4009", |_, r| {
                r["asset"] = json!("0x00000000000000000000000000000000000000aa")
            }),
            ("X4013", |_, r| {
                r["payTo"] = json!("0x00000000000000000000000000000000000000aa")
            }),
            ("X4014", |_, r| r["amount"] = json!("7")),
            ("X4017", |p, _| {
                p["payload"]["authorization"]["validAfter"] = json!("99999999999")
            }),
        ];
        for (sqlstate, break_it) in breaks {
            let (mut payment, mut required) = lasting();
            break_it(&mut payment, &mut required);
            let refused = submit_failure(&payment, &required);
            assert!(
                refused.starts_with(sqlstate),
                "expected {sqlstate}, got {refused}"
            );
        }
        assert_eq!(
            one("SELECT count(*)::text FROM x402_payments").as_deref(),
            Some("0")
        );
        assert_eq!(one("SELECT count(*)::text FROM x402.queue").as_deref(), Some("0"));
    }
}
