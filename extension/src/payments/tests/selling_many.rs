//! Many payments in one statement.

use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Value, json};

use super::support::*;

/// The lasting payment, sold at `/report`, with changes.
fn entry(changes: &Value) -> Value {
    let (payment, requirements) = lasting();
    let mut entry = json!({ "payment": payment, "requirements": requirements, "resource": "/report",
        "deliver": true, "begin": true });
    for (key, value) in changes.as_object().unwrap() {
        entry[key] = value.clone();
    }
    entry
}

/// Places and lease tokens of what was entered, such as `1:7`.
fn sell_many(entries: &[Value]) -> String {
    Spi::get_one_with_args::<String>(
        "SELECT coalesce(string_agg(n || ':' || coalesce(lease_token::text, '-'), ' ' ORDER BY n), '')
         FROM x402.sell_many($1, 'test', '30 s')",
        &[JsonB(json!(entries)).into()],
    )
    .unwrap()
    .unwrap()
}

fn rows(table: &str) -> i64 {
    Spi::get_one(&format!("SELECT count(*) FROM {table}"))
        .unwrap()
        .unwrap()
}

#[pg_schema]
mod tests {
    use super::*;

    #[pg_test]
    fn a_payment_that_begins_is_entered_with_its_intent_and_its_history_is_whole() {
        let entered = sell_many(&[entry(&json!({}))]);
        let events = one(
            "SELECT string_agg(concat_ws('>', from_status, to_status), ' ' ORDER BY id) FROM x402.events",
        );
        assert_eq!(events.as_deref(), Some("pending pending>settling"));
        let held = one("SELECT concat_ws(' ', q.status, q.attempts, q.leased_by, q.leased_until > now(), p.status, d.state)
            FROM x402.queue q JOIN x402_payments p ON p.id = q.payment_id JOIN x402.deliveries d USING (payment_id)");
        assert_eq!(held.as_deref(), Some("settling 1 test t settling open"));
        let token = one("SELECT lease_token::text FROM x402.queue").unwrap();
        assert_eq!(entered, format!("1:{token}"));
    }

    #[pg_test]
    fn the_outcome_of_one_that_began_is_recorded_under_its_lease() {
        sell_many(&[entry(&json!({}))]);
        let id = one("SELECT payment_id::text FROM x402.queue").unwrap();
        let token = one("SELECT lease_token::text FROM x402.queue").unwrap();
        let outcome = |token: &str| {
            json!({ "id": id, "lease_token": token, "outcome": "settled",
                "tx_hash": format!("0x{}", "ab".repeat(32)), "finality": "none" })
        };
        assert_eq!(finish(&outcome("0")), "settling false", "another's token");
        assert_eq!(finish(&outcome(&token)), "settled true");
    }

    #[pg_test]
    fn one_whose_lease_runs_out_is_claimed_as_unknown_and_never_as_new() {
        sell_many(&[entry(&json!({}))]);
        Spi::run("UPDATE x402.queue SET leased_until = now() - interval '1 s'").unwrap();
        assert_eq!(rows("x402.claim('other', 10, '30 s')"), 0, "it is not pending");
        let found =
            one("SELECT status || ' ' || uncertain FROM x402.claim('other', 10, '30 s', '{settling}')");
        assert_eq!(found.as_deref(), Some("unknown true"));
    }

    #[pg_test]
    fn one_that_is_held_waits_for_its_answer_and_then_for_the_workers() {
        assert_eq!(sell_many(&[entry(&json!({ "hold": true }))]), "1:-");
        assert_eq!(rows("x402.claim('worker', 10, '30 s')"), 0, "it is held");
        let id = one("SELECT payment_id::text FROM x402.queue").unwrap();
        assert_eq!(
            one(&format!("SELECT x402.settle_now('{id}')::text")).as_deref(),
            Some("true")
        );
        assert_eq!(rows("x402.claim('worker', 10, '30 s')"), 1);
    }

    #[pg_test]
    fn one_that_does_not_begin_is_for_the_workers_at_once() {
        assert_eq!(sell_many(&[entry(&json!({ "begin": false }))]), "1:-");
        assert_eq!(rows("x402.claim('worker', 10, '30 s')"), 1);
    }

    #[pg_test]
    fn what_is_delivered_elsewhere_gets_no_delivery() {
        assert_eq!(
            sell_many(&[entry(&json!({ "deliver": false, "begin": false }))]),
            "1:-"
        );
        assert_eq!(rows("x402.deliveries"), 0);
        assert_eq!(rows("x402.claim('worker', 10, '30 s')"), 1);
    }

    #[pg_test]
    fn an_authorization_that_comes_twice_is_entered_once_and_the_same_row_is_found_by_sell() {
        assert!(sell_many(&[entry(&json!({})), entry(&json!({ "resource": "/other" }))]).starts_with("1:"));
        assert_eq!(sell_many(&[entry(&json!({}))]), "", "it is there already");
        assert_eq!(rows("x402_payments"), 1);
        let (payment, requirements) = lasting();
        let other = format!("SELECT x402.sell('{payment}', '{requirements}', '/other')");
        assert!(
            failure(&other).starts_with("X4019 "),
            "bound to the first resource"
        );
    }

    #[pg_test]
    fn what_is_not_valid_beyond_doubt_is_left_to_sell_and_spoils_nothing_else() {
        let mut forged = entry(&json!({}));
        forged["payment"]["payload"]["signature"] = format!("0x{}1b", "11".repeat(64)).into();
        let others = [
            json!({ "payment": {} }),
            json!({ "payment": null }),
            json!({ "requirements": [] }),
            json!({ "resource": null }),
            json!({ "resource": "" }),
        ];
        // A contract wallet's signature: only the chain can check it.
        let mut open = entry(&json!({}));
        open["payment"]["payload"]["signature"] = format!("0x{}", "22".repeat(130)).into();
        let alone = failure(&format!(
            "SELECT x402.sell('{}', '{}', '/report')",
            open["payment"], open["requirements"]
        ));
        assert!(alone.starts_with("X4206 "), "{alone}");
        let mut entries = vec![forged, open];
        entries.extend(others.iter().map(entry));
        assert_eq!(sell_many(&entries), "");
        assert_eq!(rows("x402_payments"), 0);
        entries.push(entry(&json!({})));
        assert!(sell_many(&entries).starts_with("8:"));
    }

    #[pg_test]
    fn what_is_recorded_is_known_by_its_very_payload() {
        let mut open = entry(&json!({}));
        let signature = |filling: &str| json!(format!("0x{}", filling.repeat(130)));
        open["payment"]["payload"]["signature"] = signature("22");
        let asked = |entry: &Value, call: &str| {
            let given = format!("'{}', '{}'", entry["payment"], entry["requirements"]);
            one(&format!("SELECT {}::text", call.replace("$", &given)))
        };
        let is_recorded = |entry: &Value| asked(entry, "x402.is_recorded($)");
        assert_eq!(is_recorded(&open).as_deref(), Some("false"));
        asked(&open, "x402.submit($, '/report', verified => true)");
        assert_eq!(is_recorded(&open).as_deref(), Some("true"));
        let verdict = asked(&open, "(SELECT verdict FROM x402.examine($, '/report'))");
        assert_eq!(verdict.as_deref(), Some("valid"));
        open["payment"]["payload"]["signature"] = signature("33");
        let another = is_recorded(&open);
        assert_eq!(
            another.as_deref(),
            Some("false"),
            "another signature proves nothing"
        );
    }

    #[pg_test]
    fn a_payer_with_too_many_open_payments_is_left_to_sell_which_says_so() {
        assert_eq!(sell_many(&[entry(&json!({ "max_unsettled": 0 }))]), "");
        assert_eq!(rows("x402_payments"), 0);
        let (payment, requirements) = lasting();
        let sell = format!("SELECT x402.sell('{payment}', '{requirements}', '/report', max_unsettled => 0)");
        assert!(
            failure(&sell).starts_with("X4301 too_many_unsettled"),
            "{}",
            failure(&sell)
        );
        assert!(sell_many(&[entry(&json!({ "max_unsettled": 1 }))]).starts_with("1:"));
    }

    #[pg_test]
    fn nothing_is_entered_for_null_and_a_worker_and_a_lease_are_needed() {
        assert_eq!(rows("x402.sell_many(NULL, 'w', '1 s')"), 0);
        assert_eq!(rows("x402.sell_many('[]', 'w', '1 s')"), 0);
        for wrong in [
            "'[]', NULL, '1 s'",
            "'[]', 'w', NULL",
            "'[]', 'w', '0'",
            "'{}', 'w', '1 s'",
        ] {
            let refused = failure(&format!("SELECT x402.sell_many({wrong})"));
            assert!(refused.starts_with("22023 "), "{wrong}: {refused}");
        }
    }

    #[pg_test]
    fn a_delivery_that_is_claimed_with_its_payment_is_nobody_elses_until_its_lease_runs_out() {
        let entries = JsonB(json!([entry(&json!({ "claim_ms": 60000 }))]));
        let token = Spi::get_one_with_args::<i64>(
            "SELECT delivery_token FROM x402.sell_many($1, 'test', '30 s')",
            &[entries.into()],
        )
        .unwrap()
        .unwrap();
        let held = one(
            "SELECT concat_ws(' ', state, claimed_by, attempts, claimed_until - clock_timestamp() > '55 s')
             FROM x402.deliveries",
        );
        assert_eq!(held.as_deref(), Some("claimed test 1 t"));
        let id = one("SELECT payment_id::text FROM x402.deliveries").unwrap();
        let claim = format!(
            "SELECT concat_ws(' ', state, token IS NOT NULL)
             FROM x402.claim_delivery('{id}', 'other', '30 s', false)"
        );
        assert_eq!(one(&claim).as_deref(), Some("claimed f"), "busy");
        Spi::run("UPDATE x402.deliveries SET claimed_until = now()").unwrap();
        assert_eq!(one(&claim).as_deref(), Some("claimed t"), "the lease ran out");
        let answer =
            format!("SELECT x402.answer_delivery('{id}', {token}, 200, '[]', NULL, '1 h', true)::text");
        assert_eq!(one(&answer).as_deref(), Some("false"), "it is another's now");
    }

    #[pg_test]
    fn a_delivery_that_nobody_claims_with_its_payment_is_open() {
        sell_many(&[entry(&json!({ "claim_ms": 0 }))]);
        let state = one("SELECT concat_ws(' ', state, attempts, token IS NULL) FROM x402.deliveries");
        assert_eq!(state.as_deref(), Some("open 0 t"));
    }

    #[pg_test]
    fn a_payment_that_is_begun_rings_no_bell() {
        Spi::run("SELECT setval('x402.doorbell', 0)").unwrap();
        sell_many(&[entry(&json!({}))]);
        Spi::run("SET CONSTRAINTS ALL IMMEDIATE").unwrap();
        assert_eq!(
            one("SELECT last_value::text FROM x402.doorbell").as_deref(),
            Some("0")
        );
        Spi::run("UPDATE x402.queue SET lease_token = NULL, leased_until = NULL, due_at = now()").unwrap();
        assert_ne!(
            one("SELECT last_value::text FROM x402.doorbell").as_deref(),
            Some("0")
        );
    }
}
