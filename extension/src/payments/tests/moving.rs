//! Leases, outcomes and what never changes.

use pgrx::prelude::*;
use serde_json::json;

use super::support::*;

#[pg_schema]
mod tests {
    use super::*;

    #[pg_test]
    fn a_payment_settles_through_intent_and_outcome_and_leaves_the_queue() {
        let (id, token) = claimed();
        assert_eq!(begin(&id, &token), Some(id.clone()));
        let hash = format!("0x{}", "AB".repeat(32));
        let settled = json!({"id": id, "lease_token": token, "outcome": "settled", "tx_hash": hash});
        assert_eq!(finish(&settled), "settled true");
        assert_eq!(
            one("SELECT tx_hash FROM x402_payments"),
            Some(hash.to_lowercase())
        );
        assert_eq!(one("SELECT count(*)::text FROM x402.queue").as_deref(), Some("0"));
        let trail = one("SELECT string_agg(to_status, ' ' ORDER BY id) FROM x402.events");
        assert_eq!(trail.as_deref(), Some("pending settling settled"));
    }

    #[pg_test]
    fn a_lost_lease_changes_nothing() {
        let (id, token) = claimed();
        begin(&id, &token);
        let stale = json!({"id": id, "lease_token": 0, "outcome": "refused", "class": "final"});
        assert_eq!(finish(&stale), "settling false");
        assert_eq!(begin(&id, "0"), None);
    }

    #[pg_test]
    fn a_refusal_after_an_unknown_outcome_proves_nothing() {
        let (id, token) = claimed();
        begin(&id, &token);
        finish(&json!({"id": id, "lease_token": token, "outcome": "unknown", "retry_after_ms": 0}));
        let token = one("SELECT lease_token::text FROM x402.claim('test', 10, '30 s', '{unknown}')").unwrap();
        assert_eq!(begin(&id, &token), Some(id.clone()));
        let refused = json!({"id": id, "lease_token": token, "outcome": "refused", "class": "final", "reason": "nonce_used"});
        assert_eq!(finish(&refused), "unknown true");
    }

    #[pg_test]
    fn what_was_certainly_not_sent_is_pending_again() {
        let (id, token) = claimed();
        begin(&id, &token);
        let not_sent =
            json!({"id": id, "lease_token": token, "outcome": "not_sent", "retry_after_ms": 60000});
        assert_eq!(finish(&not_sent), "pending true");
        assert_eq!(
            one("SELECT count(*)::text FROM x402.claim('test', 10, '30 s')").as_deref(),
            Some("0")
        );
        let due = Spi::get_one::<i64>("SELECT x402.next_due()").unwrap().unwrap();
        assert!((50_000..=60_000).contains(&due), "{due}");
    }

    #[pg_test]
    fn a_transaction_of_another_payment_settles_nothing() {
        let hash = format!("0x{}", "cd".repeat(32));
        Spi::run(&format!(
            "SELECT x402.record_settled('0x{}', '/x', '1', '{hash}')",
            "a".repeat(40)
        ))
        .unwrap();
        let (id, token) = claimed();
        begin(&id, &token);
        let lie = json!({"id": id, "lease_token": token, "outcome": "settled", "tx_hash": hash});
        assert_eq!(finish(&lie), "unknown true");
        let reason = one("SELECT error_reason FROM x402_payments WHERE status = 'unknown'");
        assert_eq!(reason.as_deref(), Some("tx_hash_of_another_payment"));
    }

    #[pg_test]
    fn a_settled_row_does_not_change_and_no_row_is_removed() {
        let hash = format!("0x{}", "cd".repeat(32));
        Spi::run(&format!(
            "SELECT x402.record_settled('0x{}', '/x', '1', '{hash}')",
            "a".repeat(40)
        ))
        .unwrap();
        assert!(failure("UPDATE x402_payments SET status = 'pending'").starts_with("X4201 "));
        assert!(failure("UPDATE x402_payments SET tx_hash = NULL, mock = true").starts_with("X4202 "));
        assert!(failure("UPDATE x402_payments SET amount = '2'").starts_with("X4202 "));
        assert!(failure("DELETE FROM x402_payments").starts_with("X4203 "));
        assert!(failure("UPDATE x402.events SET actor = 'x'").starts_with("X4203 "));
        assert!(failure("DELETE FROM x402.events").starts_with("X4203 "));
    }

    #[pg_test]
    fn a_transaction_is_recorded_once_unless_each_row_names_its_log() {
        let record = |log: &str, nonce: &str| {
            failure(&format!(
                "SELECT x402.record_settled('0x{a}', '/x', '1', '0x{h}', log_index => {log}, nonce => '0x{n}',
                 asset => '0x{a}', pay_to => '0x{a}', scheme => 'exact')",
                a = "a".repeat(40), h = "ef".repeat(32), n = nonce.repeat(64)
            ))
        };
        assert_eq!(
            [record("1", "1"), record("2", "2"), record("2", "3")],
            ["ok", "ok", "ok"]
        );
        assert_eq!(
            one("SELECT count(*)::text FROM x402_payments").as_deref(),
            Some("2")
        );
        let insert = format!(
            "INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash) VALUES ('0xa', '/', '1', '0x{}')",
            "EF".repeat(32)
        );
        assert!(failure(&insert).starts_with("23505 "));
    }

    #[pg_test]
    fn a_row_without_an_authorization_is_settled_or_refused() {
        let row = "INSERT INTO x402_payments (payer_address, endpoint, amount, tx_hash, status)
                   VALUES ('0xa', '/', '1', '0x1', 'pending')";
        assert!(failure(row).starts_with("23514 "));
    }
}
