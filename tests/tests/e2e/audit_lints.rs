//! Each lint finds its defect, nothing else, and where it offers a repair, the repair works.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::audit_support::{Finding, Seed, findings, fixtures, insforge, report};

/// What a fresh InsForge database has, whatever is seeded: realtime keeps uuids.
fn of_the_platform(finding: &Finding) -> bool {
    finding.rule == "L38"
}

async fn found_and_mended(name: &str) -> Result<()> {
    let sandbox = insforge().await?;
    let seed = Seed::read(name, &sandbox.db.name)?;
    let rule = &name[..3];
    sandbox.run(&seed.clean).await?;
    let before = findings(&sandbox).await?;
    let noise: Vec<_> = before
        .iter()
        .filter(|f| f.rule == rule || (f.is_loud() && !of_the_platform(f)))
        .collect();
    assert!(noise.is_empty(), "{name}: correct, yet found: {noise:?}");

    sandbox.run(&seed.defect).await?;
    let spoilt = report(&sandbox).await?;
    let new: BTreeSet<_> = spoilt.keys().filter(|&f| !before.contains(f)).cloned().collect();
    assert_eq!(new, seed.finds, "{name}");
    for finding in &new {
        let fix = &spoilt[finding];
        assert_eq!(fix.is_empty(), seed.unfixed, "{name}: {fix}");
        sandbox.run(fix).await?;
    }
    if !seed.unfixed {
        let mended = findings(&sandbox).await?;
        let worse: Vec<_> = mended
            .difference(&before)
            .filter(|f| f.rule == rule || f.is_loud())
            .collect();
        assert!(worse.is_empty(), "{name}: {worse:?} after {spoilt:?}");
        sandbox.run(&format!("BEGIN; {} ROLLBACK;", seed.works)).await?;
    }
    Ok(())
}

macro_rules! seeds {
    ($($test:ident $seed:literal)+) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            found_and_mended($seed).await
        })+

        const SEEDS: &[&str] = &[$($seed),+];
    };
}

seeds! {
    a_policy_that_calls_auth_uid_is_found_and_mended "L01"
    a_policy_that_calls_auth_uid_in_a_helper_is_found "L01_in_a_helper"
    a_uuid_owner_column_is_found_and_mended "L02"
    a_foreign_key_to_auth_users_is_found_and_mended "L03"
    a_volatile_identity_function_is_found_and_mended "L04"
    an_immutable_function_that_asks_who_is_calling_is_found_and_mended "L04_immutable"
    claims_cast_without_a_guard_are_found_and_mended "L05"
    claims_cast_without_a_guard_in_a_policy_are_found_and_mended "L05_in_policy"
    a_dead_claim_setting_in_a_policy_is_found_and_mended "L06"
    a_dead_claim_setting_in_a_function_is_found_and_mended "L06_in_function"
    a_claim_that_the_gateway_drops_is_found_and_mended "L07"
    a_claim_that_users_write_is_found "L08"
    a_column_that_users_write_is_found "L08_by_column"
    a_volatile_function_in_a_policy_is_found_and_mended "L09"
    a_parallel_unsafe_function_in_a_policy_is_found_and_mended "L10"
    an_exposed_table_without_row_level_security_is_found_and_mended "L11"
    policies_that_are_not_in_force_are_found_and_mended "L12"
    policies_that_are_not_in_force_on_storage_are_found_and_mended "L12_storage"
    row_level_security_without_a_policy_is_found_and_mended "L13"
    a_write_policy_that_is_always_true_is_found_and_mended "L14"
    a_write_policy_of_one_equals_one_is_found "L14_one_equals_one"
    a_policy_for_public_is_found_and_mended "L15"
    a_policy_that_asks_for_anons_identity_is_found_and_mended "L16"
    is_not_distinct_from_an_identity_is_found_and_mended "L17"
    an_identity_that_may_be_null_is_found "L17_is_null"
    claims_that_may_be_absent_are_found "L17_no_claims"
    an_identity_with_a_substitute_is_found "L17_coalesce"
    an_insert_check_that_misses_the_owner_is_found_and_mended "L18"
    an_update_check_that_misses_the_owner_is_found_and_mended "L19"
    an_update_policy_without_a_select_policy_is_found_and_mended "L20"
    a_delete_policy_that_asks_nobody_is_not_mended_by_showing_its_rows "L20_any_row"
    an_owner_that_others_can_change_is_found_and_mended "L21"
    an_owner_without_a_default_is_found_and_mended "L22"
    an_owner_that_defaults_to_auth_uid_is_found_and_mended "L22_auth_uid"
    an_identity_asked_for_every_row_is_found_and_mended "L23"
    organisations_and_claims_asked_for_every_row_are_found_and_mended "L23_arrays_and_claims"
    a_definer_function_called_for_every_row_is_found "L24"
    a_policy_column_without_an_index_is_found_and_mended "L25"
    two_permissive_policies_for_one_command_are_found "L26"
    a_policy_that_reads_its_own_table_is_found "L27"
    policies_that_read_each_others_tables_are_found "L27_through_another_table"
    a_policy_that_reads_its_own_table_in_a_function_is_found "L27_through_a_function"
    a_lookup_where_the_caller_sees_nothing_is_found "L28"
    a_definer_function_without_a_path_is_found_and_mended "L29"
    a_definer_procedure_without_a_path_is_found_and_mended "L29_procedure"
    a_definer_function_whose_path_forgets_pg_temp_is_found_and_mended "L29_path_without_pg_temp"
    a_definer_function_for_everybody_is_found_and_mended "L30"
    dynamic_sql_from_an_argument_joined_in_is_found "L31"
    dynamic_sql_that_is_an_argument_is_found "L31_argument"
    dynamic_sql_from_an_argument_in_concat_is_found "L31_concat"
    dynamic_sql_built_in_a_variable_is_found "L31_variable"
    a_function_that_sets_claims_is_found_and_mended "L32"
    a_function_that_sets_the_role_is_found_and_mended "L32_set_role"
    a_secret_in_a_setting_is_found_and_mended "L33"
    a_view_with_its_owners_rights_is_found_and_mended "L34"
    a_materialized_view_over_a_protected_table_is_found "L34_through_a_view"
    an_exposed_session_table_is_found_and_mended "L35"
    an_exposed_key_table_is_found_by_its_columns_and_mended "L35_by_shape"
    storage_open_to_everybody_is_found_and_mended "L36"
    a_storage_policy_that_calls_auth_uid_is_found_and_mended "L36_auth_uid"
    a_policy_on_a_public_bucket_is_found "L37"
    realtime_that_stores_uuids_is_found_and_mended "L38"
    realtime_open_to_everybody_is_found "L39"
    an_open_payment_table_is_found_and_mended "L40"
    a_payment_policy_without_a_subject_is_found_and_mended "L41"
    a_settlement_that_is_not_unique_is_found_and_mended "L42"
    a_settlement_whose_hash_comes_later_needs_another_key "L42_hash_comes_later"
    a_ledger_that_clients_write_is_found_and_mended "L43"
    a_floating_point_amount_is_found_and_mended "L44"
    an_amount_of_any_text_is_found_and_mended "L44_text"
}

fn names_in(folder: &Path, ending: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    names
        .filter(|name| name.starts_with('L') && name.ends_with(ending))
        .map(|name| name.trim_end_matches(ending).to_owned())
        .collect()
}

#[test]
fn every_lint_has_a_file_a_page_and_a_seed_that_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let lints = names_in(&root.join("sql/audit"), ".sql");
    let numbers: Vec<_> = lints.iter().map(|name| name[..3].to_owned()).collect();
    assert_eq!(numbers, (1..=44).map(|n| format!("L{n:02}")).collect::<Vec<_>>());
    let pages = names_in(&root.join("docs/lints"), ".md");
    let without: Vec<_> = lints.difference(&pages).collect();
    assert!(without.is_empty(), "without a page: {without:?}");
    let seeds = names_in(&fixtures(), ".sql");
    assert_eq!(seeds, SEEDS.iter().map(|&name| name.to_owned()).collect());
    let seeded: BTreeSet<_> = seeds.iter().map(|name| name[..3].to_owned()).collect();
    assert_eq!(seeded, numbers.into_iter().collect());
}
