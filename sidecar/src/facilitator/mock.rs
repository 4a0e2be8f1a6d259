use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use insforge_protocol::evm::tx_hash;
use insforge_protocol::okx::{Class, HashStatus, Kind, NoAnswer, Outcome, Settlement};
use insforge_protocol::x402::{Payment, Requirements};
use serde_json::json;
use uuid::Uuid;

use super::Facilitator;

/// Settles nothing. A payment whose signature was checked offline counts as settled, with a transaction
/// hash that shows what it is; one that only the chain could check is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mock;

/// Hash of a pretended transaction: the word "mock" four times, then the payment's id. The same payment
/// always has the same hash, and no two payments share one.
fn pretended_hash(id: Uuid) -> String {
    format!("0x{}{}", "6d6f636b".repeat(4), id.simple())
}

impl Facilitator for Mock {
    fn settle<'a>(
        &'a self,
        id: Uuid,
        _payment: &'a Payment,
        _requirements: &'a Requirements,
        proven: bool,
    ) -> BoxFuture<'a, Settlement> {
        let settled = tx_hash(&pretended_hash(id)).filter(|_| proven);
        let settlement = match settled {
            Some(tx_hash) => Settlement {
                outcome: Outcome::Settled { tx_hash },
                reason: None,
                evidence: json!({ "mock": "nothing was settled" }),
            },
            None => Settlement {
                outcome: Outcome::Refused { class: Class::Final },
                reason: Some("mock mode cannot check this signature offline".to_owned()),
                evidence: json!({ "mock": "nothing was settled" }),
            },
        };
        std::future::ready(settlement).boxed()
    }

    fn status<'a>(&'a self, _payment: &'a Payment, _hash: &'a str) -> BoxFuture<'a, Option<HashStatus>> {
        std::future::ready(None).boxed()
    }

    fn supported(&self) -> BoxFuture<'_, Result<Vec<Kind>, NoAnswer>> {
        std::future::ready(Ok(Vec::new())).boxed()
    }

    fn is_mock(&self) -> bool {
        true
    }
}
