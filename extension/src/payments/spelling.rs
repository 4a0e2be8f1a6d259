//! SQL: whether texts are spelt as the ledger keeps them. Asked at every write, where regular expressions take
//! many times as long.

use insforge_protocol::ledger::{Identity, is_bytes32};
use pgrx::prelude::*;

#[pg_schema]
mod x402 {
    use super::*;

    /// Whether an authorization's identity is whole and in the ledger's one spelling.
    #[pg_extern(immutable, parallel_safe)]
    fn _identity_is_whole(network: &str, asset: &str, payer: &str, pay_to: &str, nonce: &str) -> bool {
        let identity = Identity {
            network,
            asset,
            payer,
            pay_to,
            nonce,
        };
        identity.is_whole()
    }

    /// Whether a text is a transaction hash as the ledger keeps it.
    #[pg_extern(immutable, parallel_safe)]
    fn _is_tx_hash(hash: &str) -> bool {
        is_bytes32(hash)
    }
}
