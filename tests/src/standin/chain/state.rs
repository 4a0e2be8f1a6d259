use std::collections::HashMap;
use std::sync::Arc;

use alloy_primitives::{Address, B256, U256, keccak256};

use super::block::Block;
use super::clock::ChainClock;
use super::ledger::Ledger;
use super::token::Token;
use super::tx::{Action, Receipt, Tx};

/// How the chain keeps time. Counted in blocks, so that a test can mine its way to finality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Seconds between empty blocks.
    pub block_seconds: u64,
    /// `safe` trails `latest` by this many blocks.
    pub safe_lag: u64,
    /// `finalized` trails `latest` by this many blocks.
    pub finalized_lag: u64,
}

impl Default for Timing {
    /// X Layer makes a block a second; its finality of half an hour is cut to what a test can wait for.
    fn default() -> Timing {
        Timing {
            block_seconds: 1,
            safe_lag: 1,
            finalized_lag: 3,
        }
    }
}

/// The chain. Callers share it behind a lock; nothing here waits.
#[derive(Debug)]
pub struct Chain {
    /// EIP-155 chain id.
    pub id: u64,
    /// How it keeps time.
    pub timing: Timing,
    pub(super) clock: Arc<ChainClock>,
    pub(super) ledger: Ledger,
    pub(super) blocks: Vec<Block>,
    pub(super) receipts: HashMap<B256, Receipt>,
    /// Transactions known to the network but in no block.
    pub(super) mempool: Vec<Tx>,
    pub(super) forks: u64,
    sent: u64,
}

impl Chain {
    /// A chain with a first block at the clock's present time.
    pub fn new(id: u64, tokens: impl IntoIterator<Item = Token>, clock: Arc<ChainClock>) -> Chain {
        let tokens = tokens.into_iter().map(|t| (t.address, t)).collect();
        let genesis = Block::new(0, B256::ZERO, clock.now(), 0);
        Chain {
            id,
            timing: Timing::default(),
            clock,
            ledger: Ledger::new(tokens),
            blocks: vec![genesis],
            receipts: HashMap::new(),
            mempool: Vec::new(),
            forks: 0,
            sent: 0,
        }
    }

    /// Balances and nonces at the newest block.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Sets a holder's balance; unlike a transfer it survives every reorganisation.
    pub fn fund(&mut self, token: Address, holder: Address, balance: U256) {
        self.ledger.fund(token, holder, balance);
    }

    /// Unix seconds now.
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Puts a transaction into the mempool and names it; [`Chain::include`] makes it happen.
    pub fn send(&mut self, submitter: Address, actions: Vec<Action>) -> B256 {
        self.sent += 1;
        let mut seed = submitter.to_vec();
        seed.extend_from_slice(&self.id.to_be_bytes());
        seed.extend_from_slice(&self.sent.to_be_bytes());
        seed.extend_from_slice(self.blocks[0].timestamp.to_be_bytes().as_slice());
        let hash = keccak256(seed);
        self.mempool.push(Tx {
            hash,
            submitter,
            actions,
        });
        hash
    }

    /// A hash that no transaction has, for a facilitator that lies.
    pub fn invented_hash(&mut self) -> B256 {
        self.sent += 1;
        keccak256([b"no such transaction".as_slice(), &self.sent.to_be_bytes()].concat())
    }
}
