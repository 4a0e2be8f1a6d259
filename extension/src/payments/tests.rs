//! The protocol through SQL, and the ledger's rules as far as one transaction can show them.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its result has failed")]

use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Value, json};

/// The shared vectors of EIP-3009.
const VECTORS: &str = include_str!("../../../protocol/tests/vectors/eip3009.json");

fn cases() -> Vec<Value> {
    serde_json::from_str::<Value>(VECTORS).unwrap()["cases"]
        .as_array()
        .unwrap()
        .clone()
}

/// The vector that does not run out: its value and validBefore are 2^256-1.
fn lasting() -> (Value, Value) {
    let case = cases().into_iter().find(|c| c["id"] == "009").unwrap();
    messages(&case)
}

fn messages(case: &Value) -> (Value, Value) {
    let network = &case["required"]["network"];
    let payment = json!({"x402Version": 1, "scheme": "exact", "network": network,
        "payload": {"signature": case["signature"], "authorization": case["message"]}});
    (payment, case["required"].clone())
}

#[pg_schema]
mod tests {
    use super::*;

    fn submit(payment: Value, requirements: Value, resource: &str) -> String {
        Spi::get_one_with_args::<String>(
            "SELECT x402.submit($1, $2, $3)::text",
            &[JsonB(payment).into(), JsonB(requirements).into(), resource.into()],
        )
        .unwrap()
        .unwrap()
    }

    /// The SQLSTATE and message that a statement fails with; "ok" where it does not fail.
    fn failure(statement: &str) -> String {
        Spi::run(
            "CREATE OR REPLACE FUNCTION pg_temp.attempt(statement text) RETURNS text LANGUAGE plpgsql AS
             $$ BEGIN EXECUTE statement; RETURN 'ok';
                EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM; END $$",
        )
        .unwrap();
        Spi::get_one_with_args("SELECT pg_temp.attempt($1)", &[statement.into()])
            .unwrap()
            .unwrap()
    }

    fn submit_failure(payment: &Value, requirements: &Value) -> String {
        let statement = format!("SELECT x402.submit('{payment}', '{requirements}', '/report')");
        failure(&statement)
    }

    fn one(query: &str) -> Option<String> {
        Spi::get_one::<String>(query).unwrap()
    }

    #[pg_test]
    fn sql_judges_every_vector_as_the_protocol_does() {
        for case in cases() {
            let (payment, required) = messages(&case);
            let domain = &case["domain"];
            let vouched = json!([{"network": required["network"], "asset": domain["verifyingContract"],
                "name": domain["name"], "version": domain["version"]}]);
            let verdict = Spi::get_one_with_args::<String>(
                "SELECT verdict FROM x402.verify($1, $2, to_timestamp($3), $4)",
                &[
                    JsonB(payment).into(),
                    JsonB(required).into(),
                    case["now"].as_f64().into(),
                    JsonB(vouched).into(),
                ],
            )
            .unwrap();
            assert_eq!(
                verdict.as_deref(),
                case["verdict"].as_str(),
                "case {}",
                case["id"]
            );
        }
    }

    #[pg_test]
    fn the_transition_table_of_sql_is_the_protocols() {
        let listed = Spi::get_one::<i64>("SELECT count(*) FROM x402.transitions()").unwrap();
        assert_eq!(listed, Some(insforge_protocol::ledger::TRANSITIONS.len() as i64));
        let agrees = "SELECT bool_and(x402.transition_allowed(f, t) =
                        EXISTS (SELECT FROM x402.transitions() x WHERE x.from_status = f AND x.to_status = t))
                      FROM unnest(ARRAY['pending','settling','submitted','settled','unknown','accepted',
                        'failed','expired','review']) f, unnest(ARRAY['pending','settling','submitted',
                        'settled','unknown','accepted','failed','expired','review']) t";
        assert_eq!(Spi::get_one::<bool>(agrees).unwrap(), Some(true));
    }

    #[pg_test]
    fn the_ledger_knows_exactly_the_protocols_statuses() {
        let check = one("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'x402_payments_status_known'").unwrap();
        for status in insforge_protocol::ledger::Status::ALL {
            assert!(
                check.contains(&format!("'{status}'")),
                "{status} is not in {check}"
            );
        }
        assert_eq!(
            check.matches("::text").count(),
            insforge_protocol::ledger::Status::ALL.len()
        );
    }

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

    #[pg_test]
    fn a_payment_header_is_read_back_and_a_bad_one_says_what_is_wrong() {
        let same =
            "SELECT x402.decode_header(x402.encode_header('{\"name\":\"USD₮0\"}')) = '{\"name\":\"USD₮0\"}'";
        assert_eq!(Spi::get_one::<bool>(same).unwrap(), Some(true));
        assert!(failure("SELECT x402.decode_header('{\"a\":1}')").starts_with("X4H03 "));
        assert!(failure("SELECT x402.decode_header('!!!')").starts_with("X4H04 "));
        assert!(failure("SELECT x402.decode_header('')").starts_with("X4H02 "));
        assert!(failure("SELECT x402.decode_header(repeat('A', 20000))").starts_with("X4H01 "));
    }

    fn claimed() -> (String, String) {
        let (payment, required) = lasting();
        let id = submit(payment, required, "/report");
        let token = one("SELECT lease_token::text FROM x402.claim('test', 10, '30 s')").unwrap();
        (id, token)
    }

    fn begin(id: &str, token: &str) -> Option<String> {
        one(&format!(
            "SELECT string_agg(b::text, '') FROM x402.begin_settle('{{{id}}}', '{{{token}}}') b"
        ))
    }

    fn finish(outcome: &Value) -> String {
        one(&format!(
            "SELECT status || ' ' || applied FROM x402.finish('[{outcome}]')"
        ))
        .unwrap()
    }

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

    /// Functions of our schemas whose comment and whose privileges disagree.
    const TOLD_AND_GRANTED: &str = r"
        SELECT string_agg(told.name, ', ') FROM (
          SELECT p.oid::regprocedure::text AS name, obj_description(p.oid, 'pg_proc') AS says,
            has_function_privilege('stranger', p.oid, 'EXECUTE') AS everybody,
            has_function_privilege('sidecar_role', p.oid, 'EXECUTE') AS sidecar
          FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
          WHERE p.pronamespace IN ('x402'::regnamespace, 'insforge'::regnamespace) AND p.proname !~ '^_'
        ) told
        WHERE everybody <> (says ~ 'Execute:\s*(everybody|PUBLIC)')
           OR NOT everybody AND sidecar <> (says ~ 'Execute:.*sidecar') OR says IS NULL";

    #[pg_test]
    fn every_function_says_who_may_call_it_and_nobody_else_can() {
        Spi::run("CREATE ROLE stranger; CREATE ROLE sidecar_role").unwrap();
        Spi::run("SELECT insforge.grant_sidecar('sidecar_role')").unwrap();
        assert_eq!(one(TOLD_AND_GRANTED), None);
    }

    #[pg_test]
    fn a_stranger_reads_and_writes_no_table_of_ours() {
        Spi::run("CREATE ROLE stranger").unwrap();
        let open = one(
            "SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
             JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
             WHERE c.relkind IN ('r', 'v', 'S')
               AND (c.relkind = 'S' AND has_sequence_privilege('stranger', c.oid, 'SELECT, UPDATE, USAGE')
                 OR c.relkind <> 'S' AND has_table_privilege('stranger', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'))",
        );
        assert_eq!(open, None);
    }
}
