use alloy_primitives::{B256, keccak256};

use super::ledger::Undo;
use super::tx::Tx;

/// Which block a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// The newest block.
    Latest,
    /// The newest block that the sequencer's data on the parent chain covers.
    Safe,
    /// The newest block that can no longer be reorganised.
    Finalized,
    /// A block by number.
    Number(u64),
}

/// A block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Height; the first block is 0.
    pub number: u64,
    /// Block hash; a reorganised block of the same number has another one.
    pub hash: B256,
    /// Hash of the block before.
    pub parent: B256,
    /// Unix seconds; never smaller than the block's before.
    pub timestamp: u64,
    /// Transactions in order.
    pub txs: Vec<Tx>,
    pub(super) undo: Vec<Undo>,
}

impl Block {
    /// `fork` counts the reorganisations so far, so that two histories never share a hash.
    pub(super) fn new(number: u64, parent: B256, timestamp: u64, fork: u64) -> Block {
        let mut seed = Vec::with_capacity(56);
        seed.extend_from_slice(parent.as_slice());
        for part in [number, timestamp, fork] {
            seed.extend_from_slice(&part.to_be_bytes());
        }
        Block {
            number,
            hash: keccak256(seed),
            parent,
            timestamp,
            txs: Vec::new(),
            undo: Vec::new(),
        }
    }
}
