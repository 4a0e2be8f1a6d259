use std::fmt;
use std::str::FromStr;

use alloy_primitives::B256;
use serde_json::Value;

use super::json::{Malformed, hash, malformed, quantity, within};

/// Highest block that the ledger's `bigint` holds.
const LAST_BLOCK: u64 = i64::MAX as u64;

/// How settled a block is, by the chain's own tags. Ordered: each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finality {
    /// Not seen on the chain.
    None,
    /// In the chain as of its latest block.
    Latest,
    /// At or below the block tagged `safe`.
    Safe,
    /// At or below the block tagged `finalized`: no reorganisation reaches it.
    Finalized,
}

impl Finality {
    /// The word in SQL and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Latest => "latest",
            Self::Safe => "safe",
            Self::Finalized => "finalized",
        }
    }
}

impl fmt::Display for Finality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no finality.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown finality {0:?}")]
pub struct UnknownFinality(pub String);

impl FromStr for Finality {
    type Err = UnknownFinality;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::None, Self::Latest, Self::Safe, Self::Finalized]
            .into_iter()
            .find(|finality| finality.as_str() == word)
            .ok_or_else(|| UnknownFinality(word.to_owned()))
    }
}

/// A block, as far as evidence needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Block {
    /// Height.
    pub number: u64,
    /// Identity.
    pub hash: B256,
    /// Unix seconds; what a token compares `validBefore` with.
    pub timestamp: u64,
}

impl Block {
    /// Reads the result of `eth_getBlockByNumber`; `None` if the node has no such block.
    pub fn parse(result: &Value) -> Result<Option<Self>, Malformed> {
        if result.is_null() {
            return Ok(None);
        }
        Ok(Some(Self {
            number: within(quantity(result, "number")?, LAST_BLOCK, "number")?,
            hash: hash(result, "hash")?,
            timestamp: quantity(result, "timestamp")?,
        }))
    }
}

/// The ends of a chain as one endpoint has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    latest: Block,
    safe: Option<Block>,
    finalized: Option<Block>,
}

impl Heads {
    /// Heads that are in order. A node whose `finalized` lies above its `latest` (a balancer in front of nodes
    /// that are not in step) is refused: nothing it says is about one chain. A tag that a chain does not answer
    /// is `None`.
    pub fn new(latest: Block, safe: Option<Block>, finalized: Option<Block>) -> Result<Self, Malformed> {
        let below = |lower: &Block, upper: &Block| {
            lower.number <= upper.number
                && lower.timestamp <= upper.timestamp
                && (lower.number < upper.number || lower.hash == upper.hash)
        };
        let upper = safe.as_ref().unwrap_or(&latest);
        let in_order = safe.as_ref().is_none_or(|safe| below(safe, &latest))
            && finalized.as_ref().is_none_or(|last| below(last, upper));
        if in_order {
            Ok(Self {
                latest,
                safe,
                finalized,
            })
        } else {
            Err(malformed("heads", "finalized, safe and latest are not in order"))
        }
    }

    /// The newest block.
    pub const fn latest(&self) -> &Block {
        &self.latest
    }

    /// The newest block that no reorganisation reaches, if the chain says which it is.
    pub const fn finalized(&self) -> Option<&Block> {
        self.finalized.as_ref()
    }

    /// The block tagged `safe`, if the chain has one.
    pub const fn safe(&self) -> Option<&Block> {
        self.safe.as_ref()
    }

    /// How settled the block of this height is; [`Finality::None`] above the latest.
    pub fn finality(&self, number: u64) -> Finality {
        let reaches = |head: Option<&Block>| head.is_some_and(|head| number <= head.number);
        if reaches(self.finalized()) {
            Finality::Finalized
        } else if reaches(self.safe()) {
            Finality::Safe
        } else if number <= self.latest.number {
            Finality::Latest
        } else {
            Finality::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn block(number: u64) -> Block {
        Block {
            number,
            hash: B256::with_last_byte(u8::try_from(number).unwrap()),
            timestamp: 1000 + number,
        }
    }

    #[test]
    fn finality_follows_the_chains_tags() {
        let heads = Heads::new(block(30), Some(block(20)), Some(block(10))).unwrap();
        let finality = |number| heads.finality(number);
        assert_eq!([10, 11, 20, 21, 30, 31].map(finality), {
            use Finality::{Finalized, Latest, None, Safe};
            [Finalized, Safe, Safe, Latest, Latest, None]
        });
        let untagged = Heads::new(block(30), None, None).unwrap();
        assert_eq!(untagged.finality(1), Finality::Latest);
    }

    #[test]
    fn heads_out_of_order_are_refused() {
        assert!(Heads::new(block(20), Some(block(30)), None).is_err());
        assert!(Heads::new(block(30), Some(block(20)), Some(block(25))).is_err());
        assert!(Heads::new(block(20), None, Some(block(30))).is_err());
        let early = Block {
            timestamp: 9_999,
            ..block(10)
        };
        assert!(Heads::new(block(20), None, Some(early)).is_err());
        let twin = Block {
            hash: B256::ZERO,
            ..block(20)
        };
        assert!(
            Heads::new(block(20), None, Some(twin)).is_err(),
            "one height, two blocks"
        );
        assert!(Heads::new(block(20), Some(block(20)), Some(block(20))).is_ok());
    }

    #[test]
    fn a_block_needs_number_hash_and_time() {
        let whole = json!({"number": "0x5", "hash": format!("0x{}", "ab".repeat(32)), "timestamp": "0x64"});
        assert_eq!(Block::parse(&whole).unwrap().unwrap().timestamp, 100);
        assert_eq!(Block::parse(&Value::Null), Ok(None));
        let mut endless = whole.clone();
        endless["number"] = json!("0x8000000000000000");
        assert!(Block::parse(&endless).is_err());
        for member in ["number", "hash", "timestamp"] {
            let mut lacking = whole.clone();
            lacking[member] = Value::Null;
            assert!(Block::parse(&lacking).is_err(), "{member}");
        }
    }
}
