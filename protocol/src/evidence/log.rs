use alloy_primitives::{Address, B256, Bytes, hex};
use serde_json::Value;

use super::json::{Malformed, address, hash, malformed, quantity, text, within};
use crate::evm;

/// Most topics a log can have (LOG4).
const MAX_TOPICS: usize = 4;
/// Highest position that the ledger's `integer` holds.
const LAST_LOG: u64 = i32::MAX as u64;

/// A log, read from a receipt or from `eth_getLogs`. Every member that ties it to a place in the chain is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The contract that wrote it.
    pub address: Address,
    /// Event signature and indexed members.
    pub topics: Vec<B256>,
    /// The other members.
    pub data: Bytes,
    /// Height of its block.
    pub block_number: u64,
    /// Its block.
    pub block_hash: B256,
    /// Its transaction.
    pub tx_hash: B256,
    /// Its position within the block.
    pub log_index: u64,
}

impl Log {
    /// Reads a log. One that is marked as removed by a reorganisation is refused: it proves nothing. So is one at a
    /// position that no block has and no ledger can keep.
    pub fn parse(value: &Value) -> Result<Self, Malformed> {
        match value.get("removed") {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(_) => return Err(malformed("log", "was removed by a reorganisation")),
        }
        Ok(Self {
            address: address(value, "address")?,
            topics: topics(value)?,
            data: data(value)?,
            block_number: quantity(value, "blockNumber")?,
            block_hash: hash(value, "blockHash")?,
            tx_hash: hash(value, "transactionHash")?,
            log_index: within(quantity(value, "logIndex")?, LAST_LOG, "logIndex")?,
        })
    }

    /// Reads the result of `eth_getLogs`.
    pub fn parse_all(result: &Value) -> Result<Vec<Self>, Malformed> {
        let list = result.as_array().ok_or(malformed("logs", "is not an array"))?;
        list.iter().map(Self::parse).collect()
    }
}

fn topics(value: &Value) -> Result<Vec<B256>, Malformed> {
    let list = value
        .get("topics")
        .and_then(Value::as_array)
        .filter(|list| list.len() <= MAX_TOPICS)
        .ok_or(malformed("topics", "is not an array of at most four"))?;
    list.iter()
        .map(|topic| topic.as_str().and_then(evm::bytes32))
        .collect::<Option<_>>()
        .ok_or(malformed("topics", "holds something that is not 32 bytes"))
}

fn data(value: &Value) -> Result<Bytes, Malformed> {
    text(value, "data")
        .and_then(|text| text.strip_prefix("0x"))
        .filter(|digits| !digits.starts_with("0x"))
        .and_then(|digits| hex::decode(digits).ok())
        .map(Bytes::from)
        .ok_or(malformed("data", "is not hex"))
}
