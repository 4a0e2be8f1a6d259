//! What operators and the chain do to payments.

use pgrx::prelude::*;
use serde_json::json;

use super::support::*;

#[pg_schema]
mod tests {
    use super::*;

    #[pg_test]
    fn an_operator_can_cancel_only_what_was_never_sent() {
        let (id, token) = claimed();
        assert!(failure(&format!("SELECT x402.cancel('{id}', ' ')")).starts_with("22023 "));
        assert_eq!(
            one(&format!("SELECT x402.cancel('{id}', 'buyer asked')")).as_deref(),
            Some("failed")
        );
        assert_eq!(begin(&id, &token), None);
        assert!(failure(&format!("SELECT x402.cancel('{id}', 'again')")).starts_with("X4207 "));
        assert!(failure("SELECT x402.cancel(gen_random_uuid(), 'x')").starts_with("P0002 "));
    }

    #[pg_test]
    fn an_operator_can_retry_write_off_and_reopen_with_a_trail() {
        let (id, token) = claimed();
        begin(&id, &token);
        assert!(failure(&format!("SELECT x402.write_off('{id}', 'x')")).starts_with("X4207 "));
        finish(&json!({"id": id, "lease_token": token, "outcome": "unknown", "retry_after_ms": 60000}));
        assert_eq!(
            one(&format!("SELECT x402.retry('{id}')")).as_deref(),
            Some("unknown")
        );
        assert_eq!(
            Spi::get_one::<i64>("SELECT x402.next_due('{unknown}')").unwrap(),
            Some(0)
        );
        assert_eq!(
            one(&format!("SELECT x402.write_off('{id}', 'gone')")).as_deref(),
            Some("failed")
        );
        let sentence = one(&format!(
            "SELECT sentence FROM x402.explain('{id}') ORDER BY at DESC LIMIT 1"
        ))
        .unwrap();
        assert!(
            sentence.ends_with("moved it from unknown to failed: gone."),
            "{sentence}"
        );
    }

    #[pg_test]
    fn money_that_arrives_after_a_write_off_goes_to_review_and_can_be_accepted() {
        let (id, token) = claimed();
        begin(&id, &token);
        finish(&json!({"id": id, "lease_token": token, "outcome": "unknown"}));
        one(&format!("SELECT x402.write_off('{id}', 'gone')"));
        let (payment, required) = lasting();
        let signed = &payment["payload"]["authorization"];
        let seen = json!([{"network": "eip155:196", "asset": required["asset"], "payer": signed["from"],
            "nonce": signed["nonce"], "pay_to": signed["to"], "value": signed["value"], "log_index": 3,
            "tx_hash": format!("0x{}", "77".repeat(32)), "block_number": 9, "block_hash": "0x1", "finality": "latest",
            "block_time": 1}]);
        let found = one(&format!(
            "SELECT status || ' ' || applied FROM x402.record_transfers('{seen}')"
        ));
        assert_eq!(found.as_deref(), Some("review true"));
        assert_eq!(
            one(&format!("SELECT x402.accept('{id}', 'seen')")).as_deref(),
            Some("settled")
        );
    }

    #[pg_test]
    fn a_reorganised_settlement_goes_back_to_work_unless_it_was_final() {
        let (id, token) = claimed();
        begin(&id, &token);
        let hash = format!("0x{}", "66".repeat(32));
        finish(&json!({"id": id, "lease_token": token, "outcome": "settled", "tx_hash": hash}));
        let confirm = |outcome: &str, finality: &str| {
            let given = json!([{"id": id, "tx_hash": hash, "outcome": outcome, "finality": finality,
                "block_number": 5, "block_hash": "0x5", "log_index": 1}]);
            one(&format!(
                "SELECT status || ' ' || applied FROM x402.confirm('{given}')"
            ))
            .unwrap()
        };
        assert_eq!(confirm("confirmed", "latest"), "settled true");
        assert_eq!(confirm("reorganised", "none"), "submitted true");
        assert_eq!(one("SELECT status FROM x402.queue").as_deref(), Some("submitted"));
        let token =
            one("SELECT lease_token::text FROM x402.claim('test', 1, '30 s', '{submitted}')").unwrap();
        finish(
            &json!({"id": id, "lease_token": token, "outcome": "settled", "tx_hash": hash, "log_index": 1}),
        );
        assert_eq!(confirm("confirmed", "finalized"), "settled true");
        assert_eq!(confirm("reorganised", "none"), "settled false");
    }
}
