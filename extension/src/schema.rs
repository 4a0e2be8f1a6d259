//! The order of the hand-written SQL in the install script: each file after what it needs.

use pgrx::extension_sql_file;

/// Includes files one after the other, each requiring the one before.
macro_rules! in_order {
    ($first_name:literal $first:literal, $($rest:tt)+) => {
        extension_sql_file!($first, name = $first_name, bootstrap);
        in_order!(@after $first_name, $($rest)+);
    };
    (@after $before:literal, $name:literal $file:literal $(,)?) => {
        extension_sql_file!($file, name = $name, finalize);
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
    "ledger_create" "../../sql/ledger/30_create.sql",
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
    "grant_sidecar" "../../sql/90_grant_sidecar.sql",
    "privileges" "../../sql/99_privileges.sql",
}
