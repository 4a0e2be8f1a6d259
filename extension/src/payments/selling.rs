//! The hand-written SQL of selling, after the ledger it builds on.

use pgrx::extension_sql_file;

extension_sql_file!(
    "../../../sql/selling/10_challenge.sql",
    name = "selling_challenge",
    requires = ["ledger_safekeeping"]
);
extension_sql_file!(
    "../../../sql/selling/20_deliveries.sql",
    name = "selling_deliveries",
    requires = ["selling_challenge"]
);
extension_sql_file!(
    "../../../sql/selling/21_sell.sql",
    name = "selling_sell",
    requires = ["selling_deliveries"]
);
extension_sql_file!(
    "../../../sql/selling/22_deliver.sql",
    name = "selling_deliver",
    requires = ["selling_sell"]
);
extension_sql_file!(
    "../../../sql/selling/23_examine.sql",
    name = "selling_examine",
    requires = ["selling_deliver"]
);
extension_sql_file!(
    "../../../sql/selling/24_sell_many.sql",
    name = "selling_sell_many",
    requires = ["selling_examine"]
);
