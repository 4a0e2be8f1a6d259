//! The order of the hand-written SQL in the install script: each file after what it needs.

use pgrx::extension_sql_file;

/// Includes files one after the other, each requiring the one before, and some of them functions in Rust
/// that they comment on.
macro_rules! in_order {
    ($first_name:literal $first:literal, $($rest:tt)+) => {
        extension_sql_file!($first, name = $first_name, bootstrap);
        in_order!(@after $first_name, $($rest)+);
    };
    (@after $before:literal, $name:literal $file:literal $(,)?) => {
        extension_sql_file!($file, name = $name, finalize);
    };
    (@after $before:literal, $name:literal $file:literal after [$($function:ident),+], $($rest:tt)+) => {
        extension_sql_file!($file, name = $name, requires = [$before, $($function),+]);
        in_order!(@after $name, $($rest)+);
    };
    (@after $before:literal, $name:literal $file:literal, $($rest:tt)+) => {
        extension_sql_file!($file, name = $name, requires = [$before]);
        in_order!(@after $name, $($rest)+);
    };
}

in_order! {
    "schemas" "../../sql/00_schemas.sql",
    "identity_identity" "../../sql/identity/00_identity.sql",
    "ledger_codec" "../../sql/ledger/02_codec.sql",
    "ledger_private" "../../sql/ledger/05_private.sql",
    "ledger_payments" "../../sql/ledger/10_payments.sql",
    "ledger_guards" "../../sql/ledger/11_guards.sql",
    "ledger_announce" "../../sql/ledger/13_announce.sql",
    "ledger_submit" "../../sql/ledger/20_submit.sql",
    "ledger_claim" "../../sql/ledger/21_claim.sql",
    "ledger_finish" "../../sql/ledger/22_finish.sql",
    "ledger_record_settled" "../../sql/ledger/23_record_settled.sql",
    "ledger_expose" "../../sql/ledger/24_expose.sql",
    "ledger_finality" "../../sql/ledger/25_finality.sql",
    "ledger_scan" "../../sql/ledger/26_scan.sql",
    "ledger_rate_limit" "../../sql/ledger/27_rate_limit.sql",
    "ledger_create" "../../sql/ledger/30_create.sql" after [_identity_is_whole],
    "ledger_adopt" "../../sql/ledger/31_adopt.sql",
    "ledger_operations" "../../sql/ledger/32_operations.sql",
    "ledger_drop_guard" "../../sql/ledger/33_drop_guard.sql",
    "ledger_safekeeping" "../../sql/ledger/40_safekeeping.sql",
    "identity_public" "../../sql/identity/01_public.sql",
    "identity_memberships" "../../sql/identity/10_memberships.sql",
    "identity_organisations" "../../sql/identity/20_organisations.sql",
    "identity_better_auth" "../../sql/identity/30_better_auth.sql",
    "identity_roles" "../../sql/identity/40_roles.sql",
    "identity_impersonate" "../../sql/identity/50_impersonate.sql",
    "policies_basics" "../../sql/policies/10_basics.sql",
    "policies_templates" "../../sql/policies/11_templates.sql",
    "policies_options" "../../sql/policies/12_options.sql",
    "policies_relations" "../../sql/policies/13_relations.sql",
    "policies_spec" "../../sql/policies/20_spec.sql",
    "policies_template_owner" "../../sql/policies/21_template_owner.sql",
    "policies_template_org" "../../sql/policies/22_template_org.sql",
    "policies_template_shared" "../../sql/policies/23_template_shared.sql",
    "policies_template_server" "../../sql/policies/24_template_server.sql",
    "policies_template_platform" "../../sql/policies/25_template_platform.sql",
    "policies_assemble" "../../sql/policies/30_assemble.sql",
    "policies_columns" "../../sql/policies/40_columns.sql",
    "policies_helpers" "../../sql/policies/41_helpers.sql",
    "policies_policies" "../../sql/policies/42_policies.sql",
    "policies_triggers" "../../sql/policies/43_triggers.sql",
    "policies_privileges" "../../sql/policies/44_privileges.sql",
    "policies_access" "../../sql/policies/45_access.sql",
    "policies_plan" "../../sql/policies/50_plan.sql",
    "policies_apply" "../../sql/policies/60_apply.sql",
    "policies_developers" "../../sql/policies/90_developers.sql",
    "proof_values" "../../sql/proof/10_values.sql",
    "proof_actors" "../../sql/proof/20_actors.sql",
    "proof_matrix" "../../sql/proof/30_matrix.sql",
    "audit_types" "../../sql/audit/00_types.sql",
    "audit_scope" "../../sql/audit/01_scope.sql",
    "audit_expression" "../../sql/audit/02_expression.sql",
    "audit_functions" "../../sql/audit/03_functions.sql",
    "audit_context" "../../sql/audit/04_context.sql",
    "audit_repair" "../../sql/audit/05_repair.sql",
    "audit_tables" "../../sql/audit/06_tables.sql",
    "audit_audit" "../../sql/audit/99_audit.sql",
    "audit_l01_auth_uid_in_policy" "../../sql/audit/L01_auth_uid_in_policy.sql",
    "audit_l02_uuid_owner_column" "../../sql/audit/L02_uuid_owner_column.sql",
    "audit_l03_fk_to_auth_users" "../../sql/audit/L03_fk_to_auth_users.sql",
    "audit_l04_helper_missing_or_wrong" "../../sql/audit/L04_helper_missing_or_wrong.sql",
    "audit_l05_helper_unguarded_cast" "../../sql/audit/L05_helper_unguarded_cast.sql",
    "audit_l06_legacy_claim_guc" "../../sql/audit/L06_legacy_claim_guc.sql",
    "audit_l07_dropped_claim_in_policy" "../../sql/audit/L07_dropped_claim_in_policy.sql",
    "audit_l08_user_editable_claim" "../../sql/audit/L08_user_editable_claim.sql",
    "audit_l09_helper_volatile" "../../sql/audit/L09_helper_volatile.sql",
    "audit_l10_helper_parallel_unsafe" "../../sql/audit/L10_helper_parallel_unsafe.sql",
    "audit_l11_rls_disabled_exposed" "../../sql/audit/L11_rls_disabled_exposed.sql",
    "audit_l12_policies_but_rls_off" "../../sql/audit/L12_policies_but_rls_off.sql",
    "audit_l13_rls_no_policy" "../../sql/audit/L13_rls_no_policy.sql",
    "audit_l14_always_true_write" "../../sql/audit/L14_always_true_write.sql",
    "audit_l15_policy_without_role" "../../sql/audit/L15_policy_without_role.sql",
    "audit_l16_anon_identity_policy" "../../sql/audit/L16_anon_identity_policy.sql",
    "audit_l17_null_identity_trap" "../../sql/audit/L17_null_identity_trap.sql",
    "audit_l18_insert_check_misses_owner" "../../sql/audit/L18_insert_check_misses_owner.sql",
    "audit_l19_update_check_wider" "../../sql/audit/L19_update_check_wider.sql",
    "audit_l20_update_without_select" "../../sql/audit/L20_update_without_select.sql",
    "audit_l21_owner_mutable" "../../sql/audit/L21_owner_mutable.sql",
    "audit_l22_owner_default" "../../sql/audit/L22_owner_default.sql",
    "audit_l23_unwrapped_identity" "../../sql/audit/L23_unwrapped_identity.sql",
    "audit_l24_per_row_definer" "../../sql/audit/L24_per_row_definer.sql",
    "audit_l25_policy_column_unindexed" "../../sql/audit/L25_policy_column_unindexed.sql",
    "audit_l26_overlapping_permissive" "../../sql/audit/L26_overlapping_permissive.sql",
    "audit_l27_policy_self_reference" "../../sql/audit/L27_policy_self_reference.sql",
    "audit_l28_lookup_blocked" "../../sql/audit/L28_lookup_blocked.sql",
    "audit_l29_definer_search_path" "../../sql/audit/L29_definer_search_path.sql",
    "audit_l30_definer_callable" "../../sql/audit/L30_definer_callable.sql",
    "audit_l31_dynamic_sql_reachable" "../../sql/audit/L31_dynamic_sql_reachable.sql",
    "audit_l32_identity_forging_function" "../../sql/audit/L32_identity_forging_function.sql",
    "audit_l33_secret_in_setting" "../../sql/audit/L33_secret_in_setting.sql",
    "audit_l34_owner_rights_view" "../../sql/audit/L34_owner_rights_view.sql",
    "audit_l35_provider_tables_exposed" "../../sql/audit/L35_provider_tables_exposed.sql",
    "audit_l36_storage_objects_open" "../../sql/audit/L36_storage_objects_open.sql",
    "audit_l37_public_bucket_with_policy" "../../sql/audit/L37_public_bucket_with_policy.sql",
    "audit_l38_realtime_sender_uuid" "../../sql/audit/L38_realtime_sender_uuid.sql",
    "audit_l39_realtime_open" "../../sql/audit/L39_realtime_open.sql",
    "audit_l40_payments_runtime_open" "../../sql/audit/L40_payments_runtime_open.sql",
    "audit_l41_payment_subject_unbound" "../../sql/audit/L41_payment_subject_unbound.sql",
    "audit_l42_settlement_not_unique" "../../sql/audit/L42_settlement_not_unique.sql",
    "audit_l43_settlement_client_writable" "../../sql/audit/L43_settlement_client_writable.sql",
    "audit_l44_amount_type" "../../sql/audit/L44_amount_type.sql",
    "tokens_providers" "../../sql/tokens/10_providers.sql" after [profile_fault],
    "tokens_revocations" "../../sql/tokens/20_revocations.sql",
    "tokens_exchange" "../../sql/tokens/30_exchange.sql",
    "tokens_login" "../../sql/tokens/40_login.sql" after [login, logout, identity],
    "grant_sidecar" "../../sql/90_grant_sidecar.sql",
    "comments" "../../sql/98_comments.sql" after [claims, claim, email, role, transitions, transition_allowed, normalize_network, chain_name, encode_header, verify],
    "privileges" "../../sql/99_privileges.sql",
}
