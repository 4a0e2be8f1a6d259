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
    a_uuid_owner_column_with_a_default_and_many_policies_is_found_and_mended "L02_with_a_default"
    a_uuid_owner_column_without_a_policy_is_found_and_mended "L02_without_a_policy"
    a_uuid_owner_column_in_a_view_is_found "L02_in_a_view"
    a_foreign_key_to_auth_users_is_found_and_mended "L03"
    a_volatile_identity_function_is_found_and_mended "L04"
    an_immutable_function_that_asks_who_is_calling_is_found_and_mended "L04_immutable"
    claims_cast_without_a_guard_are_found_and_mended "L05"
    claims_cast_without_a_guard_in_a_policy_are_found_and_mended "L05_in_policy"
    a_dead_claim_setting_in_a_policy_is_found_and_mended "L06"
    a_dead_claim_setting_in_a_function_is_found_and_mended "L06_in_function"
    dead_settings_for_email_and_role_are_found_and_mended "L06_email_and_role"
    a_claim_that_the_gateway_drops_is_found_and_mended "L07"
    a_dropped_claim_asked_by_name_is_found_and_mended "L07_claim"
    a_claim_that_users_write_is_found "L08"
    a_column_that_users_write_is_found "L08_by_column"
    a_volatile_function_in_a_policy_is_found_and_mended "L09"
    a_parallel_unsafe_function_in_a_policy_is_found_and_mended "L10"
    an_exposed_table_without_row_level_security_is_found_and_mended "L11"
    a_protected_table_that_users_may_truncate_is_found_and_mended "L11_truncate"
    a_table_with_nothing_but_truncate_is_found_and_mended "L11_truncate_alone"
    an_exposed_table_with_every_privilege_is_found_and_mended "L11_every_privilege"
    an_exposed_table_without_an_owner_is_found "L11_without_an_owner"
    policies_that_are_not_in_force_are_found_and_mended "L12"
    policies_that_are_not_in_force_on_storage_are_found_and_mended "L12_storage"
    row_level_security_without_a_policy_is_found_and_mended "L13"
    an_owners_table_without_a_policy_is_found_and_mended "L13_with_an_owner"
    a_write_policy_that_is_always_true_is_found_and_mended "L14"
    a_write_policy_of_one_equals_one_is_found "L14_one_equals_one"
    an_update_policy_that_is_always_true_is_found_and_mended "L14_update"
    an_insert_policy_that_is_always_true_is_found_and_mended "L14_insert"
    an_insert_policy_for_visitors_of_owned_rows_is_found_and_mended "L14_insert_of_visitors"
    a_guest_book_for_visitors_is_found_and_left_to_them "L14_guest_book"
    a_guest_book_that_names_its_guests_is_found_and_left_to_them "L14_guest_of_a_name"
    a_write_policy_that_only_asks_the_role_is_found_and_mended "L14_role_asked"
    a_policy_for_everybody_that_only_asks_the_role_is_found_and_mended "L14_role_asked_of_everybody"
    a_policy_for_all_that_only_asks_the_role_is_found "L14_role_asked_for_all"
    a_write_policy_of_select_true_is_found_and_mended "L14_sub_select"
    a_write_policy_of_a_column_never_null_is_found_and_mended "L14_never_null"
    what_is_not_quite_always_true_is_not_found "L14_not_quite"
    a_policy_for_public_is_found_and_mended "L15"
    an_owners_policy_for_public_is_found_and_mended "L15_of_an_owner"
    a_policy_that_asks_for_anons_identity_is_found_and_mended "L16"
    an_insert_policy_that_asks_for_anons_identity_is_found_and_mended "L16_insert"
    a_policy_for_anon_alone_that_asks_an_identity_is_found "L16_anon_alone"
    is_not_distinct_from_an_identity_is_found_and_mended "L17"
    an_identity_that_may_be_null_is_found "L17_is_null"
    claims_that_may_be_absent_are_found "L17_no_claims"
    an_identity_with_a_substitute_is_found "L17_coalesce"
    is_not_distinct_from_an_identity_in_an_update_is_found_and_mended "L17_update"
    is_not_distinct_from_an_identity_in_an_insert_is_found_and_mended "L17_insert"
    is_not_distinct_from_an_identity_in_one_half_is_found "L17_half"
    an_insert_check_that_misses_the_owner_is_found_and_mended "L18"
    an_insert_check_that_misses_the_organisation_is_found_and_mended "L18_organisation"
    an_update_check_that_misses_the_owner_is_found_and_mended "L19"
    an_update_check_that_is_always_true_is_found_and_mended "L19_always_true"
    an_update_check_that_misses_the_organisations_is_found_and_mended "L19_organisations"
    an_update_check_that_misses_the_organisation_is_found_and_mended "L19_organisation"
    an_update_check_that_misses_the_address_is_found_and_mended "L19_email"
    an_update_check_that_misses_two_columns_is_found_and_mended "L19_two_columns"
    an_update_policy_without_a_select_policy_is_found_and_mended "L20"
    a_delete_policy_that_asks_nobody_is_not_mended_by_showing_its_rows "L20_any_row"
    an_owner_that_others_can_change_is_found_and_mended "L21"
    an_owner_that_public_can_change_is_found "L21_granted_to_public"
    an_owner_without_a_default_is_found_and_mended "L22"
    an_owner_that_defaults_to_auth_uid_is_found_and_mended "L22_auth_uid"
    a_uuid_that_defaults_to_auth_uid_is_found "L22_uuid"
    a_uuid_owner_without_a_default_is_found "L22_uuid_of_the_platform"
    a_column_compared_with_a_helpers_word_gets_no_default "L22_a_helpers_word"
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
    a_definer_procedure_for_everybody_is_found_and_mended "L30_procedure"
    a_definer_function_that_another_calls_is_found "L30_called_by_another"
    dynamic_sql_from_an_argument_joined_in_is_found "L31"
    dynamic_sql_that_is_an_argument_is_found "L31_argument"
    dynamic_sql_from_an_argument_in_concat_is_found "L31_concat"
    dynamic_sql_built_in_a_variable_is_found "L31_variable"
    a_function_that_sets_claims_is_found_and_mended "L32"
    a_function_that_sets_the_role_is_found_and_mended "L32_set_role"
    a_function_that_sets_claims_for_another_is_found "L32_called_by_another"
    a_secret_in_a_setting_is_found_and_mended "L33"
    a_secret_in_a_roles_setting_in_the_database_is_found_and_mended "L33_of_a_role"
    a_secret_in_a_roles_setting_everywhere_is_found_and_mended "L33_of_a_role_everywhere"
    a_secret_in_a_setting_of_all_roles_is_found_and_mended "L33_of_all_roles"
    a_secret_that_a_function_reads_is_found "L33_read_by_a_function"
    a_view_with_its_owners_rights_is_found_and_mended "L34"
    a_materialized_view_over_a_protected_table_is_found "L34_through_a_view"
    a_view_over_a_view_with_its_owners_rights_is_found_and_mended "L34_view_of_a_view"
    a_view_over_a_private_table_is_found "L34_private_table"
    a_foreign_table_is_found "L34_foreign_table"
    an_exposed_session_table_is_found_and_mended "L35"
    an_exposed_key_table_is_found_by_its_columns_and_mended "L35_by_shape"
    a_session_table_exposed_by_one_column_is_found_and_mended "L35_by_a_column"
    a_session_table_exposed_to_public_is_found_and_mended "L35_by_public"
    storage_open_to_everybody_is_found_and_mended "L36"
    a_storage_policy_that_calls_auth_uid_is_found_and_mended "L36_auth_uid"
    a_storage_check_that_calls_auth_uid_is_found_and_mended "L36_auth_uid_in_a_check"
    a_policy_on_a_public_bucket_is_found "L37"
    realtime_that_stores_uuids_is_found_and_mended "L38"
    realtime_that_stores_uuids_seen_by_a_view_is_found "L38_in_a_view"
    realtime_open_to_everybody_is_found "L39"
    an_open_payment_table_is_found_and_mended "L40"
    an_open_table_of_orders_is_found_and_mended "L40_orders"
    a_payment_policy_without_a_subject_is_found_and_mended "L41"
    a_payment_policy_that_is_always_true_is_found_and_mended "L41_always_true"
    a_payment_policy_for_all_without_a_subject_is_found_and_mended "L41_for_all"
    a_settlement_that_is_not_unique_is_found_and_mended "L42"
    a_settlement_whose_hash_comes_later_needs_another_key "L42_hash_comes_later"
    a_settlement_that_may_be_null_is_found_and_mended "L42_nullable"
    a_settlement_without_a_unique_index_is_found_and_mended "L42_not_unique"
    a_settlement_in_batches_is_found_and_mended "L42_in_batches"
    a_settlement_in_batches_without_a_place_is_found "L42_batches_without_a_place"
    a_ledger_that_clients_write_is_found_and_mended "L43"
    a_ledger_that_clients_write_by_a_column_is_found_and_mended "L43_by_a_column"
    a_ledger_that_public_deletes_from_is_found_and_mended "L43_delete_by_public"
    a_ledger_that_clients_truncate_is_found_and_mended "L43_truncate"
    a_floating_point_amount_is_found_and_mended "L44"
    an_amount_of_any_text_is_found_and_mended "L44_text"
    a_floating_point_amount_in_a_view_is_found "L44_in_a_view"
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
