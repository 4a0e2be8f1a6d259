use alloy_primitives::{B256, U256};

use super::block::Block;
use super::logs::{Event, Log};
use super::state::Chain;
use super::tx::{Receipt, Tx};

/// More empty blocks than this are not made one by one when a test jumps far ahead in time.
const MOST_BLOCKS_PER_JUMP: u64 = 4_000;

impl Chain {
    /// Makes the empty blocks that are due. Every question and every transaction starts here.
    pub fn catch_up(&mut self) {
        let now = self.now();
        let last = self.tip().timestamp;
        let due = now.saturating_sub(last) / self.timing.block_seconds.max(1);
        let made = due.min(MOST_BLOCKS_PER_JUMP);
        for step in 1..=made {
            let ahead = (now - last) * step / made;
            self.seal(Vec::new(), last + ahead);
        }
    }

    /// Adds `count` empty blocks at the present time.
    pub fn mine(&mut self, count: u64) {
        self.catch_up();
        for _ in 0..count {
            let time = self.tip().timestamp.max(self.now());
            self.seal(Vec::new(), time);
        }
    }

    /// Includes one transaction of the mempool in a block of its own. `None`: it is not there.
    pub fn include(&mut self, hash: B256) -> Option<Receipt> {
        let at = self.mempool.iter().position(|tx| tx.hash == hash)?;
        let tx = self.mempool.remove(at);
        self.catch_up();
        let time = self.tip().timestamp.max(self.now());
        self.seal(vec![tx], time);
        self.receipts.get(&hash).cloned()
    }

    /// Includes everything that waits, in one block.
    pub fn include_all(&mut self) {
        let waiting = std::mem::take(&mut self.mempool);
        if !waiting.is_empty() {
            self.catch_up();
            let time = self.tip().timestamp.max(self.now());
            self.seal(waiting, time);
        }
    }

    /// Drops a transaction from the mempool: it was named to somebody and will never happen.
    pub fn forget(&mut self, hash: B256) {
        self.mempool.retain(|tx| tx.hash != hash);
    }

    pub(super) fn tip(&self) -> &Block {
        &self.blocks[self.blocks.len() - 1]
    }

    pub(super) fn seal(&mut self, txs: Vec<Tx>, timestamp: u64) {
        let (number, parent) = (self.tip().number + 1, self.tip().hash);
        let mut block = Block::new(number, parent, timestamp, self.forks);
        let mut log_index = 0;
        for (index, tx) in txs.iter().enumerate() {
            let outcome = self.ledger.run(&tx.actions, timestamp, &mut block.undo);
            let success = outcome.is_ok();
            let events = outcome.unwrap_or_default();
            let logs = place(events, &block, tx.hash, index as u64, &mut log_index);
            let receipt = Receipt {
                tx: tx.hash,
                submitter: tx.submitter,
                index: index as u64,
                block: number,
                block_hash: block.hash,
                success,
                logs,
            };
            self.receipts.insert(tx.hash, receipt);
        }
        block.txs = txs;
        self.blocks.push(block);
    }
}

fn place(events: Vec<Event>, block: &Block, tx: B256, tx_index: u64, next: &mut u64) -> Vec<Log> {
    let number = |event: Event| {
        let index = *next;
        *next += 1;
        let Event {
            address,
            topics,
            data,
        } = event;
        Log {
            address,
            topics,
            data,
            block: block.number,
            block_hash: block.hash,
            tx,
            tx_index,
            index,
        }
    };
    events.into_iter().map(number).collect()
}

/// Reads the amount of a `Transfer` log.
pub(super) fn amount(log: &Log) -> U256 {
    U256::try_from_be_slice(&log.data).unwrap_or_default()
}
