//! Recording the answer to a claimed delivery.

use pgrx::prelude::*;
use serde_json::json;

use super::support::*;

/// Sells the lasting payment, settled, and returns its id.
fn settled() -> String {
    let (payment, requirements) = lasting();
    let entry = json!([{ "payment": payment, "requirements": requirements, "resource": "/report",
        "deliver": true, "begin": true }]);
    let sold = format!("SELECT id::text FROM x402.sell_many('{entry}', 'test', '30 s')");
    let id = one(&sold).unwrap();
    let token = one("SELECT lease_token::text FROM x402.queue").unwrap();
    let outcome = json!({ "id": id, "lease_token": token, "outcome": "settled",
        "tx_hash": format!("0x{}", "ab".repeat(32)), "finality": "none" });
    assert_eq!(finish(&outcome), "settled true");
    id
}

/// Claims the delivery; its token.
fn claimed(id: &str) -> String {
    one(&format!(
        "SELECT token::text FROM x402.claim_delivery('{id}', 'gateway', '1 min')"
    ))
    .unwrap()
}

/// Whether a body was recorded under this token.
fn answered(id: &str, token: &str, body: &str) -> String {
    one(&format!(
        "SELECT x402.answer_delivery('{id}', {token}, 200, '[]', '{body}', '1 min', true)::text"
    ))
    .unwrap()
}

const KEPT: &str = "SELECT convert_from(answer_body, 'UTF8') FROM x402.deliveries";

#[pg_schema]
mod tests {
    use super::*;

    #[pg_test]
    fn an_answer_sent_again_after_a_lost_acknowledgement_is_held_and_the_first_stays() {
        let id = settled();
        let token = claimed(&id);
        assert_eq!(answered(&id, &token, "first"), "true");
        assert_eq!(answered(&id, &token, "again"), "true");
        assert_eq!(one(KEPT).as_deref(), Some("first"));
    }

    #[pg_test]
    fn an_answer_that_another_recorded_is_not_held_by_whoever_lost_the_claim() {
        let id = settled();
        let lost = claimed(&id);
        Spi::run("UPDATE x402.deliveries SET claimed_until = now() - interval '1 s'").unwrap();
        let token = claimed(&id);
        assert_eq!(answered(&id, &lost, "late"), "false", "it is claimed by another");
        assert_eq!(answered(&id, &token, "ours"), "true");
        assert_eq!(
            answered(&id, &lost, "late"),
            "false",
            "it was answered by another"
        );
        assert_eq!(one(KEPT).as_deref(), Some("ours"));
    }
}
