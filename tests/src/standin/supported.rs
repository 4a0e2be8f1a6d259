use serde_json::{Value, json};

use super::request::Generation;

/// OKX settles on X Layer only.
pub(super) const CHAIN_ID: u64 = 196;
/// The same as text, `chainIndex`.
pub(super) const CHAIN_INDEX: &str = "196";
/// The same as CAIP-2.
pub(super) const NETWORK: &str = "eip155:196";

/// The answer of `/supported`.
pub(super) fn answer(generation: Generation) -> Value {
    match generation {
        Generation::One => json!([
            {"x402Version": 1, "scheme": "exact", "chainIndex": CHAIN_INDEX, "chainName": "X Layer"},
        ]),
        Generation::Two => json!({
            "kinds": [
                {"x402Version": 2, "scheme": "exact", "network": NETWORK},
                {"x402Version": 2, "scheme": "aggr_deferred", "network": NETWORK},
            ],
            "extensions": [],
            "signers": {"eip155:*": ["0x00000000000000000000000000000000000f4c11"]},
        }),
    }
}
