use alloy_primitives::{Address, B256};
use serde_json::Value;

use super::json::{Malformed, address, hash, malformed, quantity};
use super::{Block, Log};

/// A mined transaction's receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction.
    pub tx_hash: B256,
    /// Height of its block.
    pub block_number: u64,
    /// Its block.
    pub block_hash: B256,
    /// Who sent the transaction: the facilitator's relayer, or somebody else.
    pub sender: Option<Address>,
    /// Whether it did not revert.
    pub succeeded: bool,
    /// Its logs, in the order they were written.
    pub logs: Vec<Log>,
}

impl Receipt {
    /// Reads the result of `eth_getTransactionReceipt` for `asked`; `None` if the node has none, which is no proof
    /// that there is none. Refused: a receipt of another transaction, without a status, or with logs that are not
    /// of this transaction and block or not in order.
    pub fn parse(result: &Value, asked: B256) -> Result<Option<Self>, Malformed> {
        if result.is_null() {
            return Ok(None);
        }
        if hash(result, "transactionHash")? != asked {
            return Err(malformed("receipt", "is of another transaction"));
        }
        let receipt = Self {
            tx_hash: asked,
            block_number: quantity(result, "blockNumber")?,
            block_hash: hash(result, "blockHash")?,
            sender: address(result, "from").ok(),
            succeeded: match quantity(result, "status")? {
                0 => false,
                1 => true,
                _ => return Err(malformed("status", "is neither 0 nor 1")),
            },
            logs: Log::parse_all(&result["logs"])?,
        };
        if receipt.is_whole() {
            Ok(Some(receipt))
        } else {
            Err(malformed(
                "receipt",
                "holds logs that are not its own or not in order",
            ))
        }
    }

    /// Whether this is the block the receipt names.
    pub fn is_in(&self, block: &Block) -> bool {
        (self.block_number, self.block_hash) == (block.number, block.hash)
    }

    fn is_whole(&self) -> bool {
        let own = |log: &Log| {
            (log.tx_hash, log.block_number, log.block_hash)
                == (self.tx_hash, self.block_number, self.block_hash)
        };
        self.logs.iter().all(own) && self.logs.is_sorted_by(|a, b| a.log_index < b.log_index)
    }
}
