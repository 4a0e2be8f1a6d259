//! Claims that come with their intent.

use pgrx::prelude::*;
use serde_json::json;

use super::support::*;

/// Payment, token, whether it is begun, intents before: of everything that is due.
fn claim_to_settle(worker: &str) -> Vec<(String, String, bool, i32)> {
    Spi::connect(|client| {
        let sql =
            "SELECT id::text, lease_token::text, begun, attempt FROM x402.claim_to_settle($1, 10, '30 s')";
        let rows = client.select(sql, None, &[worker.into()]).unwrap();
        rows.map(|row| {
            let text = |n| row.get::<String>(n).unwrap().unwrap();
            (
                text(1),
                text(2),
                row.get(3).unwrap().unwrap(),
                row.get(4).unwrap().unwrap(),
            )
        })
        .collect()
    })
}

fn pay() -> String {
    let (payment, required) = lasting();
    submit(payment, required, "/report")
}

#[pg_schema]
mod tests {
    use super::*;

    #[pg_test]
    fn a_valid_payment_is_claimed_with_its_intent_and_its_history_is_whole() {
        let id = pay();
        let [(claimed, token, begun, before)] = <[_; 1]>::try_from(claim_to_settle("test")).unwrap();
        assert_eq!((claimed, begun, before), (id.clone(), true, 0));
        let held = one(
            "SELECT concat_ws(' ', q.status, q.attempts, q.leased_by, q.leased_until > now(), p.status)
            FROM x402.queue q JOIN x402_payments p ON p.id = q.payment_id",
        );
        assert_eq!(held.as_deref(), Some("settling 1 test t settling"));
        let intent = one(
            "SELECT concat_ws(' ', actor, evidence ->> 'attempt', evidence ->> 'lease_token')
            FROM x402.events WHERE from_status = 'pending' AND to_status = 'settling'",
        );
        assert_eq!(intent, Some(format!("test 1 {token}")));
        let settled = json!({"id": id, "lease_token": token, "outcome": "settled", "tx_hash": format!("0x{}", "ab".repeat(32))});
        assert_eq!(finish(&settled), "settled true");
    }

    #[pg_test]
    fn it_is_nobody_elses_and_a_lease_that_ran_out_makes_it_unknown() {
        pay();
        assert_eq!(claim_to_settle("one").len(), 1);
        Spi::run("UPDATE x402.queue SET leased_until = now() - interval '1 s'").unwrap();
        assert_eq!(claim_to_settle("two"), []);
        let found = one("SELECT status || ' ' || uncertain FROM x402.claim('two', 10, '30 s', '{settling}')");
        assert_eq!(found.as_deref(), Some("unknown true"));
    }

    #[pg_test]
    fn what_was_certainly_not_sent_is_claimed_with_its_next_intent() {
        let id = pay();
        let (_, first, ..) = claim_to_settle("test").remove(0);
        let not_sent = json!({"id": id, "lease_token": first, "outcome": "not_sent", "retry_after_ms": 0});
        assert_eq!(finish(&not_sent), "pending true");
        let (_, second, begun, before) = claim_to_settle("test").remove(0);
        assert_eq!((begun, before), (true, 1));
        assert_eq!(
            finish(&not_sent),
            "settling false",
            "the first claim's token is worth nothing now"
        );
        assert_ne!(first, second);
    }

    #[pg_test]
    fn one_that_only_the_chain_can_check_is_claimed_without_an_intent() {
        let (mut payment, required) = lasting();
        payment["payload"]["signature"] = format!("0x{}", "22".repeat(130)).into();
        let submitted =
            format!("SELECT x402.submit('{payment}', '{required}', '/report', verified => true)::text");
        let id = one(&submitted).unwrap();
        let (claimed, token, begun, before) = claim_to_settle("test").remove(0);
        assert_eq!((claimed, begun, before), (id.clone(), false, 0));
        let held = one("SELECT concat_ws(' ', status, attempts, leased_by) FROM x402.queue");
        assert_eq!(held.as_deref(), Some("pending 0 test"));
        assert_eq!(begin(&id, &token), Some(id), "by its worker");
    }

    #[pg_test]
    fn a_claim_without_a_worker_or_a_lease_is_refused() {
        for arguments in [
            "NULL, 1, '1 s'",
            "'w', NULL, '1 s'",
            "'w', 1, NULL",
            "'w', 1, '0 s'",
        ] {
            let failed = failure(&format!("SELECT x402.claim_to_settle({arguments})"));
            assert!(failed.starts_with("22023 "), "{arguments}: {failed}");
        }
    }
}
