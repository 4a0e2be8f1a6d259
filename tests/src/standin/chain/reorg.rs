use alloy_primitives::B256;

use super::state::Chain;

/// What happens to the transactions of the blocks that a reorganisation removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// Back to the mempool, to be included later.
    Wait,
    /// Included at once in the first block of the new history.
    Reinclude,
    /// Gone for good.
    Drop,
}

impl Chain {
    /// Replaces the newest `depth` blocks by a new history of the same length and returns the
    /// transactions that were in them. Blocks already final are not touched.
    pub fn reorganise(&mut self, depth: u64, orphans: Orphans) -> Vec<B256> {
        let depth = depth.min(self.timing.finalized_lag).min(self.tip().number);
        let mut removed = Vec::new();
        for _ in 0..depth {
            let Some(mut block) = self.blocks.pop() else { break };
            self.ledger.take_back(std::mem::take(&mut block.undo));
            removed.push(block);
        }
        removed.reverse();
        self.forks += 1;
        let times: Vec<u64> = removed.iter().map(|b| b.timestamp).collect();
        let txs: Vec<_> = removed.into_iter().flat_map(|b| b.txs).collect();
        let hashes: Vec<B256> = txs.iter().map(|tx| tx.hash).collect();
        for hash in &hashes {
            self.receipts.remove(hash);
        }
        let mut first = match orphans {
            Orphans::Reinclude => txs,
            Orphans::Wait => {
                self.mempool.extend(txs);
                Vec::new()
            }
            Orphans::Drop => Vec::new(),
        };
        for time in times {
            self.seal(std::mem::take(&mut first), time);
        }
        hashes
    }
}
