//! SQL: the names of chains.

use insforge_protocol::asset::chain;
use insforge_protocol::x402::Network;
use pgrx::prelude::*;

#[pg_schema]
mod x402 {
    use super::*;

    /// The CAIP-2 id of a network under any of the names in use; NULL for one that is unknown.
    #[pg_extern(immutable, parallel_safe)]
    fn normalize_network(name: &str) -> Option<String> {
        name.parse::<Network>().ok().map(|network| network.to_string())
    }

    /// The short name of a chain, as in the ledger's column `chain`; what was given where it has none.
    #[pg_extern(immutable, parallel_safe)]
    fn chain_name(network: &str) -> String {
        let known = network.parse::<Network>().ok().and_then(chain);
        known.map_or_else(|| network.to_owned(), |chain| chain.short_name.to_owned())
    }
}
