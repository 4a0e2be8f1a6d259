//! What SQL sees of a login. The tokens were signed once by a key that was then thrown away; those that
//! are good are good until 2100.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its result has failed")]

use pgrx::prelude::*;

const JWKS: &str = r#"{"keys":[{"crv":"Ed25519","x":"GnsWXXuELyF8r5njobtOhAZR8VNV08eAo74SswyZQE8","kty":"OKP","kid":"k1","use":"sig","alg":"EdDSA"}]}"#;
/// `sub` alice, organisation orgA, without `iat`.
const ALICE: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMCwiZW1haWwiOiJhZGFAYWNtZS5leGFtcGxlIiwiYWN0aXZlT3JnYW5pemF0aW9uSWQiOiJvcmdBIn0.I64CM42_8ymgN7sV9behgWAAW1p6WR6rGcdd-EOEylwFIaR28OclcmbcyHsaKvdUpOA95MOGQ_otkdHxiEveAg";
/// `sub` w:evil, issued in 2023.
const EVIL: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJzdWIiOiJ3OmV2aWwiLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6NDEwMjQ0NDgwMH0.p47i0tT3Yt1OPud5zgrBuRSUPtTyhIqy8j9Y_7BV-CxKsOvbdsZGu39ezxAWGVUE1lOb91i20OJl2_fvNSBBCg";
/// `sub` alice, expired in 2020.
const OLD: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImlhdCI6MTYwMDAwMDAwMCwiZXhwIjoxNjAwMDAwOTAwfQ.ryu1Emi7845ifjQjeelo_5yYSf_Ekkl5o_imjWQCigmGKB4MVF5hq3xcgL9MCgu9WWEISvSnTrZU67sF4DL4DQ";
/// Of an issuer that no test configures.
const OTHER: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwcC5hY21lLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0ODAwfQ.CTmlA5eZBMWJ39nk8Yjk4mwaFoICfkKR_Sluo9ojm1tSOmGcfaot3OXiOrYTTAyh11mW3-DLmXKZnXFrTSwvDg";

#[pg_schema]
mod tests {
    use super::*;

    fn configure() {
        let profile =
            r#"{"preset":"better-auth","iss":"https://app.acme.example","aud":"https://app.acme.example"}"#;
        Spi::run_with_args(
            "SELECT insforge.set_provider('app', $1::jsonb, $2::jsonb)",
            &[profile.into(), JWKS.into()],
        )
        .unwrap();
        // Calls a statement and returns its error, which the function's own subtransaction undoes.
        Spi::run(
            "CREATE FUNCTION pg_temp.fault(statement text) RETURNS text LANGUAGE plpgsql AS $$
             BEGIN EXECUTE statement; RETURN NULL;
             EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM; END $$",
        )
        .unwrap();
    }

    fn one(sql: &str) -> Option<String> {
        Spi::get_one(sql).unwrap()
    }

    fn log_in(token: &str) -> Option<String> {
        Spi::get_one_with_args("SELECT insforge.login($1)", &[token.into()]).unwrap()
    }

    fn refusal(token: &str) -> String {
        let call = format!("SELECT insforge.login('{token}')");
        Spi::get_one_with_args("SELECT pg_temp.fault($1)", &[call.as_str().into()])
            .unwrap()
            .unwrap_or_default()
    }

    fn user_id() -> Option<String> {
        one("SELECT insforge.requesting_user_id()")
    }

    fn claim_as(user: &str) {
        let claims = format!(r#"{{"sub":"{user}","email":"mallory@acme.example","role":"project_admin"}}"#);
        Spi::run_with_args(
            "SELECT set_config('request.jwt.claims', $1, true)",
            &[claims.as_str().into()],
        )
        .unwrap();
    }

    #[pg_test]
    fn a_verified_token_outranks_every_claim() {
        configure();
        claim_as("mallory");
        assert_eq!(log_in(ALICE).as_deref(), Some("alice"));
        assert_eq!(user_id().as_deref(), Some("alice"));
        assert_eq!(
            one("SELECT public.requesting_user_id()").as_deref(),
            Some("alice")
        );
        assert_eq!(
            one("SELECT insforge.email()").as_deref(),
            Some("ada@acme.example")
        );
        assert_eq!(one("SELECT insforge.role()").as_deref(), Some("authenticated"));
        assert_eq!(
            one("SELECT insforge.claim('activeOrganizationId')").as_deref(),
            Some("orgA")
        );
        assert_eq!(
            one("SELECT insforge.claims() ->> 'sub'").as_deref(),
            Some("alice")
        );
    }

    #[pg_test]
    fn identity_says_who_it_is_and_whether_that_is_verified() {
        configure();
        let identity = "SELECT concat_ws(' ', i ->> 'user_id', i ->> 'verified', i ->> 'provider', i ->> 'org_id', i ->> 'scope')
                        FROM insforge.identity() i WHERE i IS NOT NULL";
        assert_eq!(one("SELECT insforge.identity()::text"), None);
        claim_as("mallory");
        assert_eq!(one(identity).as_deref(), Some("mallory false"));
        log_in(ALICE);
        assert_eq!(one(identity).as_deref(), Some("alice true app orgA transaction"));
    }

    #[pg_test]
    fn logging_out_gives_the_claims_back_their_say() {
        configure();
        claim_as("mallory");
        log_in(ALICE);
        Spi::run("SELECT insforge.logout()").unwrap();
        assert_eq!(user_id().as_deref(), Some("mallory"));
    }

    #[pg_test]
    fn a_savepoint_that_is_rolled_back_takes_its_login_along() {
        configure();
        let call = format!("SELECT insforge.login('{ALICE}'), 1/0");
        let fault =
            Spi::get_one_with_args::<String>("SELECT pg_temp.fault($1)", &[call.as_str().into()]).unwrap();
        assert!(fault.unwrap().starts_with("22012"));
        assert_eq!(user_id(), None);
    }

    #[pg_test]
    fn the_session_cannot_be_set_by_hand() {
        configure();
        log_in(ALICE);
        let own = one("SELECT current_setting('insforge.session')").unwrap();
        for value in [own.as_str(), r#"{"claims":{"sub":"mallory"}}"#, "x"] {
            let call = format!(
                "SELECT set_config('insforge.session', {}, false)",
                pgrx::spi::quote_literal(value)
            );
            let fault = Spi::get_one_with_args::<String>("SELECT pg_temp.fault($1)", &[call.as_str().into()])
                .unwrap();
            assert_eq!(
                fault.as_deref(),
                Some("42501 insforge.session is written by insforge.login() only")
            );
        }
        assert_eq!(user_id().as_deref(), Some("alice"));
    }

    #[pg_test]
    fn a_token_that_fails_a_check_logs_nobody_in_and_names_the_check() {
        configure();
        assert_eq!(refusal(OLD), "28000 expired: the token has expired");
        assert!(refusal(OTHER).starts_with("28000 unknown_issuer: "));
        assert!(refusal("x").starts_with("28000 malformed: "));
        let (signed, signature) = ALICE.rsplit_once('.').unwrap();
        let (_, other_signature) = EVIL.rsplit_once('.').unwrap();
        assert!(refusal(&format!("{signed}.{other_signature}")).starts_with("28000 bad_signature: "));
        assert!(!refusal(OLD).contains(signature));
        assert_eq!(user_id(), None);
    }

    #[pg_test]
    fn null_and_unknown_scopes_are_refused() {
        configure();
        let fault = |call: &str| -> Option<String> {
            Spi::get_one_with_args("SELECT split_part(pg_temp.fault($1), ' ', 1)", &[call.into()]).unwrap()
        };
        assert_eq!(fault("SELECT insforge.login(NULL)").as_deref(), Some("22004"));
        assert_eq!(
            fault("SELECT insforge.login('x', NULL)").as_deref(),
            Some("22004")
        );
        assert_eq!(
            fault("SELECT insforge.login('x', 'session')").as_deref(),
            Some("22023")
        );
    }

    #[pg_test]
    fn disabled_providers_and_old_keys_log_nobody_in() {
        configure();
        Spi::run("UPDATE insforge.providers SET keys_valid_until = clock_timestamp() - interval '1 s'")
            .unwrap();
        assert!(refusal(ALICE).starts_with("28000 keys_unavailable: "));
        Spi::run("UPDATE insforge.providers SET keys_valid_until = NULL, enabled = false").unwrap();
        assert!(refusal(ALICE).starts_with("28000 unknown_issuer: "));
        Spi::run("UPDATE insforge.providers SET enabled = true").unwrap();
        assert_eq!(log_in(ALICE).as_deref(), Some("alice"));
    }

    #[pg_test]
    fn keys_that_were_replaced_stop_verifying_in_the_same_backend() {
        configure();
        assert_eq!(log_in(ALICE).as_deref(), Some("alice"));
        Spi::run("UPDATE insforge.providers SET jwks = '{\"keys\":[]}'").unwrap();
        assert!(refusal(ALICE).starts_with("28000 keys_unavailable: "));
    }

    #[pg_test]
    fn revoked_subjects_are_refused_until_they_are_forgiven() {
        configure();
        Spi::run("SELECT insforge.revoke('https://app.acme.example', 'w:evil', reason => 'stolen laptop')")
            .unwrap();
        assert!(refusal(EVIL).starts_with("28000 revoked: "));
        // A token that does not say when it was issued may be from before the revocation.
        Spi::run("SELECT insforge.revoke('https://app.acme.example', 'alice', 'epoch')").unwrap();
        assert!(refusal(ALICE).starts_with("28000 revoked: "));
        Spi::run("SELECT insforge.unrevoke('https://app.acme.example', 'w:evil')").unwrap();
        assert_eq!(log_in(EVIL).as_deref(), Some("w:evil"));
    }

    #[pg_test]
    fn an_id_that_would_pass_for_another_providers_is_refused() {
        configure();
        let other = r#"{"preset":"clerk","iss":"https://clerk.acme.example","user_prefix":"w:"}"#;
        Spi::run_with_args(
            "SELECT insforge.set_provider('clerk', $1::jsonb, $2::jsonb)",
            &[other.into(), JWKS.into()],
        )
        .unwrap();
        assert!(refusal(EVIL).starts_with("28000 reserved_user_id: "));
        assert_eq!(log_in(ALICE).as_deref(), Some("alice"));
    }

    #[pg_test]
    fn a_login_shows_the_tokens_organisation() {
        configure();
        log_in(ALICE);
        assert_eq!(one("SELECT insforge.org_ids()::text").as_deref(), Some("{orgA}"));
        assert_eq!(
            one("SELECT issuer FROM insforge.memberships").as_deref(),
            Some("https://app.acme.example")
        );
    }

    #[pg_test]
    fn claims_count_for_nothing_where_a_login_is_required() {
        configure();
        claim_as("mallory");
        Spi::run("SET LOCAL insforge.require_login = on").unwrap();
        assert_eq!(user_id(), None);
        for nothing in [
            "insforge.claims()::text",
            "insforge.email()",
            "insforge.role()",
            "insforge.identity()::text",
        ] {
            assert_eq!(one(&format!("SELECT {nothing}")), None, "{nothing}");
        }
        log_in(ALICE);
        assert_eq!(user_id().as_deref(), Some("alice"));
    }

    #[pg_test]
    fn only_a_superuser_changes_whether_a_login_is_required() {
        configure();
        Spi::run("CREATE ROLE somebody; SET LOCAL ROLE somebody").unwrap();
        let fault = one("SELECT pg_temp.fault('SET insforge.require_login = off')");
        assert_eq!(
            fault.as_deref(),
            Some("42501 permission denied to set parameter \"insforge.require_login\"")
        );
    }

    #[pg_test]
    fn a_parallel_worker_gives_the_same_answer() {
        configure();
        Spi::run(
            "CREATE TABLE numbers AS SELECT n FROM generate_series(1, 10000) n;
             SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;
             SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL parallel_leader_participation = off",
        )
        .unwrap();
        let seen =
            "SELECT count(*)::text FROM numbers WHERE insforge.requesting_user_id() = 'alice' AND n > 0";
        assert_eq!(one(seen).as_deref(), Some("0"));
        log_in(ALICE);
        assert_eq!(one(seen).as_deref(), Some("10000"));
        // Without workers the test would prove nothing.
        let plan = one(&format!("EXPLAIN (COSTS off) {seen}"));
        assert_eq!(plan.as_deref(), Some("Finalize Aggregate"));
    }

    #[pg_test]
    fn the_answer_changes_with_the_login_inside_one_transaction() {
        configure();
        log_in(ALICE);
        assert_eq!(user_id().as_deref(), Some("alice"));
        log_in(EVIL);
        assert_eq!(user_id().as_deref(), Some("w:evil"));
        Spi::run("SELECT insforge.logout()").unwrap();
        assert_eq!(user_id(), None);
    }

    #[pg_test]
    fn a_connections_login_counts_for_the_role_that_made_it() {
        configure();
        Spi::run_with_args("SELECT insforge.login($1, 'connection')", &[ALICE.into()]).unwrap();
        assert_eq!(user_id().as_deref(), Some("alice"));
        claim_as("mallory");
        Spi::run("CREATE ROLE somebody; SET LOCAL ROLE somebody").unwrap();
        assert_eq!(user_id(), None);
        Spi::run("RESET ROLE").unwrap();
        assert_eq!(user_id().as_deref(), Some("alice"));
    }

    #[pg_test]
    fn a_profile_says_what_is_wrong_with_it() {
        let fault = |profile: &str| -> Option<String> {
            Spi::get_one_with_args("SELECT insforge.profile_fault($1::jsonb)", &[profile.into()]).unwrap()
        };
        assert_eq!(
            fault(r#"{"preset":"clerk","iss":"https://clerk.acme.example"}"#),
            None
        );
        assert!(
            fault(r#"{"preset":"clerk"}"#)
                .unwrap()
                .contains("`iss` is missing")
        );
        assert!(
            fault(r#"{"preset":"clerk","isss":"x"}"#)
                .unwrap()
                .contains("isss")
        );
        assert!(
            fault(r#"{"preset":"insforge","secret":"x"}"#)
                .unwrap()
                .contains("must not be stored")
        );
    }
}
