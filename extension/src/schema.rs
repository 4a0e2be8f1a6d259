//! The order of the hand-written SQL in the install script: each file after what it needs. Functions
//! in Rust come between the schemas and the first file that calls them.

use pgrx::extension_sql_file;

extension_sql_file!("../../sql/00_schemas.sql", name = "schemas", bootstrap);
extension_sql_file!("../../sql/identity/00_identity.sql", name = "identity", requires = ["schemas"]);
extension_sql_file!("../../sql/ledger/02_codec.sql", name = "codec", requires = ["identity"]);
extension_sql_file!("../../sql/ledger/05_private.sql", name = "private", requires = ["codec"]);
extension_sql_file!("../../sql/ledger/10_payments.sql", name = "payments", requires = ["private"]);
extension_sql_file!("../../sql/ledger/11_guards.sql", name = "guards", requires = ["payments"]);
extension_sql_file!("../../sql/ledger/13_announce.sql", name = "announce", requires = ["guards"]);
extension_sql_file!("../../sql/ledger/20_submit.sql", name = "submit", requires = ["announce"]);
extension_sql_file!("../../sql/ledger/21_claim.sql", name = "claim", requires = ["submit"]);
extension_sql_file!("../../sql/ledger/22_finish.sql", name = "finish", requires = ["claim"]);
extension_sql_file!("../../sql/ledger/23_record_settled.sql", name = "record_settled", requires = ["finish"]);
extension_sql_file!("../../sql/ledger/24_expose.sql", name = "expose", requires = ["record_settled"]);
extension_sql_file!("../../sql/ledger/30_create.sql", name = "create", requires = ["expose", normalize_network]);
extension_sql_file!("../../sql/ledger/31_adopt.sql", name = "adopt", requires = ["create"]);
extension_sql_file!("../../sql/ledger/32_operations.sql", name = "operations", requires = ["adopt"]);
extension_sql_file!("../../sql/ledger/33_drop_guard.sql", name = "drop_guard", requires = ["operations"]);
extension_sql_file!("../../sql/ledger/40_safekeeping.sql", name = "safekeeping", requires = ["drop_guard"]);
extension_sql_file!("../../sql/identity/01_public.sql", name = "public_identity", requires = ["safekeeping"]);
extension_sql_file!("../../sql/90_grant_sidecar.sql", name = "grant_sidecar", requires = ["public_identity"]);
extension_sql_file!("../../sql/99_privileges.sql", name = "privileges", finalize);
