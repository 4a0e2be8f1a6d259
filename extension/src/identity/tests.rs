//! What SQL sees of the claims: every row of the fail-closed table, and the cache.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its result has failed")]

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use super::*;

    fn claim_as(claims: &str) -> Option<String> {
        Spi::run_with_args(
            "SELECT set_config('request.jwt.claims', $1, true)",
            &[claims.into()],
        )
        .unwrap();
        user_id()
    }

    fn user_id() -> Option<String> {
        Spi::get_one("SELECT insforge.requesting_user_id()").unwrap()
    }

    #[pg_test]
    fn a_session_without_claims_has_no_identity() {
        assert_eq!(user_id(), None);
        assert_eq!(Spi::get_one::<String>("SELECT insforge.role()").unwrap(), None);
        assert_eq!(
            Spi::get_one::<pgrx::JsonB>("SELECT insforge.claims()")
                .unwrap()
                .map(|j| j.0),
            None
        );
    }

    #[pg_test]
    fn an_empty_or_blank_setting_is_no_identity() {
        assert_eq!(claim_as(""), None);
        assert_eq!(claim_as("   "), None);
    }

    #[pg_test]
    fn claims_without_a_subject_are_no_identity() {
        for claims in ["{}", r#"{"role":"anon"}"#, r#"{"sub":null}"#, r#"{"sub":""}"#] {
            assert_eq!(claim_as(claims), None, "{claims}");
        }
    }

    #[pg_test]
    fn claims_that_are_not_json_are_no_identity_and_no_error() {
        assert_eq!(claim_as("not json"), None);
        assert_eq!(claim_as("{\"sub\":\"a\""), None);
    }

    #[pg_test]
    fn claims_that_are_not_an_object_are_no_identity() {
        for claims in ["null", r#""str""#, r#"[{"sub":"x"}]"#, "7"] {
            assert_eq!(claim_as(claims), None, "{claims}");
        }
    }

    #[pg_test]
    fn a_subject_that_is_not_a_string_is_no_identity() {
        for claims in [
            r#"{"sub":123}"#,
            r#"{"sub":1e400}"#,
            r#"{"sub":true}"#,
            r#"{"sub":{"a":1}}"#,
        ] {
            assert_eq!(claim_as(claims), None, "{claims}");
        }
    }

    #[pg_test]
    fn a_blank_subject_is_no_identity_and_others_are_kept_exactly() {
        assert_eq!(claim_as(r#"{"sub":"  "}"#), None);
        assert_eq!(claim_as(r#"{"sub":" Ada|x "}"#).as_deref(), Some(" Ada|x "));
    }

    #[pg_test]
    fn the_last_of_duplicate_subjects_counts() {
        assert_eq!(
            claim_as(r#"{"sub":"first","sub":"last"}"#).as_deref(),
            Some("last")
        );
    }

    #[pg_test]
    fn a_subject_with_nul_or_a_lone_surrogate_is_no_identity() {
        assert_eq!(claim_as(r#"{"sub":"a\u0000b"}"#), None);
        assert_eq!(claim_as(r#"{"sub":"\ud800"}"#), None);
    }

    #[pg_test]
    fn a_subject_above_1024_bytes_is_no_identity() {
        let sub = |n| format!(r#"{{"sub":"{}"}}"#, "x".repeat(n));
        assert_eq!(claim_as(&sub(1024)).map(|s| s.len()), Some(1024));
        assert_eq!(claim_as(&sub(1025)), None);
        assert_eq!(claim_as(&sub(1 << 20)), None);
    }

    #[pg_test]
    fn a_nested_subject_is_no_identity_but_can_be_read_by_its_path() {
        assert_eq!(claim_as(r#"{"claims":{"sub":"x"}}"#), None);
        let nested = Spi::get_one::<String>("SELECT insforge.claim('claims', 'sub')").unwrap();
        assert_eq!(nested.as_deref(), Some("x"));
    }

    #[pg_test]
    fn a_null_in_a_path_reads_nothing() {
        claim_as(r#"{"a":{"b":1}}"#);
        assert_eq!(
            Spi::get_one::<String>("SELECT insforge.claim('a', NULL)").unwrap(),
            None
        );
        assert_eq!(
            Spi::get_one::<String>("SELECT insforge.claim('a', 'b')")
                .unwrap()
                .as_deref(),
            Some("1")
        );
    }

    #[pg_test]
    fn email_and_role_are_strings_or_null() {
        claim_as(r#"{"sub":"a","email":"ada@acme.example","role":"authenticated"}"#);
        let both = Spi::get_two::<String, String>("SELECT insforge.email(), insforge.role()").unwrap();
        assert_eq!(
            both,
            (
                Some("ada@acme.example".to_owned()),
                Some("authenticated".to_owned())
            )
        );
        claim_as(r#"{"sub":"a","email":1,"role":["x"]}"#);
        let neither = Spi::get_two::<String, String>("SELECT insforge.email(), insforge.role()").unwrap();
        assert_eq!(neither, (None, None));
    }

    #[pg_test]
    fn a_savepoint_that_is_rolled_back_gives_the_former_user_back() {
        assert_eq!(claim_as(r#"{"sub":"outer"}"#).as_deref(), Some("outer"));
        Spi::run(
            "DO $$ BEGIN
               PERFORM set_config('request.jwt.claims', '{\"sub\":\"inner\"}', true);
               ASSERT insforge.requesting_user_id() = 'inner';
               RAISE EXCEPTION 'undo';
             EXCEPTION WHEN raise_exception THEN NULL; END $$",
        )
        .unwrap();
        assert_eq!(user_id().as_deref(), Some("outer"));
    }

    #[pg_test]
    fn a_change_inside_one_statement_is_seen_at_once() {
        let seen = Spi::get_one::<String>(
            "SELECT string_agg(insforge.requesting_user_id(), ',') FROM generate_series(1, 3) g,
             LATERAL (SELECT set_config('request.jwt.claims', format('{\"sub\":\"u%s\"}', g), true)) s",
        )
        .unwrap();
        assert_eq!(seen.as_deref(), Some("u1,u2,u3"));
    }

    #[pg_test]
    fn the_function_in_the_installation_schema_is_the_same() {
        claim_as(r#"{"sub":"user_2xPnG8"}"#);
        let same = "SELECT public.requesting_user_id() = insforge.requesting_user_id()";
        assert_eq!(Spi::get_one::<bool>(same).unwrap(), Some(true));
    }
}
