//! Payments to test with, and ways to ask SQL.

use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Value, json};

/// The shared vectors of EIP-3009.
const VECTORS: &str = include_str!("../../../../protocol/tests/vectors/eip3009.json");

pub(super) fn cases() -> Vec<Value> {
    serde_json::from_str::<Value>(VECTORS).unwrap()["cases"]
        .as_array()
        .unwrap()
        .clone()
}

/// The vector that does not run out: its value and validBefore are 2^256-1.
pub(super) fn lasting() -> (Value, Value) {
    let case = cases().into_iter().find(|c| c["id"] == "009").unwrap();
    messages(&case)
}

pub(super) fn messages(case: &Value) -> (Value, Value) {
    let network = &case["required"]["network"];
    let payment = json!({"x402Version": 1, "scheme": "exact", "network": network,
        "payload": {"signature": case["signature"], "authorization": case["message"]}});
    (payment, case["required"].clone())
}

pub(super) fn submit(payment: Value, requirements: Value, resource: &str) -> String {
    Spi::get_one_with_args::<String>(
        "SELECT x402.submit($1, $2, $3)::text",
        &[JsonB(payment).into(), JsonB(requirements).into(), resource.into()],
    )
    .unwrap()
    .unwrap()
}

/// The SQLSTATE and message that a statement fails with; "ok" where it does not fail.
pub(super) fn failure(statement: &str) -> String {
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

pub(super) fn submit_failure(payment: &Value, requirements: &Value) -> String {
    let statement = format!("SELECT x402.submit('{payment}', '{requirements}', '/report')");
    failure(&statement)
}

pub(super) fn one(query: &str) -> Option<String> {
    Spi::get_one::<String>(query).unwrap()
}

pub(super) fn claimed() -> (String, String) {
    let (payment, required) = lasting();
    let id = submit(payment, required, "/report");
    let token = one("SELECT lease_token::text FROM x402.claim('test', 10, '30 s')").unwrap();
    (id, token)
}

pub(super) fn begin(id: &str, token: &str) -> Option<String> {
    one(&format!(
        "SELECT string_agg(b::text, '') FROM x402.begin_settle('{{{id}}}', '{{{token}}}') b"
    ))
}

pub(super) fn finish(outcome: &Value) -> String {
    one(&format!(
        "SELECT status || ' ' || applied FROM x402.finish('[{outcome}]')"
    ))
    .unwrap()
}
