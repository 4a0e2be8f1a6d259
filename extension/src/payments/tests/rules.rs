//! The protocol through SQL.

use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::json;

use super::support::*;

#[pg_schema]
mod tests {
    use super::*;

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
    fn a_payment_header_is_read_back_and_a_bad_one_says_what_is_wrong() {
        let same =
            "SELECT x402.decode_header(x402.encode_header('{\"name\":\"USD₮0\"}')) = '{\"name\":\"USD₮0\"}'";
        assert_eq!(Spi::get_one::<bool>(same).unwrap(), Some(true));
        assert!(failure("SELECT x402.decode_header('{\"a\":1}')").starts_with("X4H03 "));
        assert!(failure("SELECT x402.decode_header('!!!')").starts_with("X4H04 "));
        assert!(failure("SELECT x402.decode_header('')").starts_with("X4H02 "));
        assert!(failure("SELECT x402.decode_header(repeat('A', 20000))").starts_with("X4H01 "));
    }
}
