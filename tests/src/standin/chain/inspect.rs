use alloy_primitives::{Address, B256, U256};

use super::block::{Block, Tag};
use super::ledger::NonceState;
use super::logs::{Log, LogFilter, TOPIC_CANCELED, TOPIC_TRANSFER, TOPIC_USED};
use super::produce::amount;
use super::state::Chain;
use super::tx::Receipt;

/// A transfer as the chain saw it, with the nonce that authorised it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferSeen {
    /// Token contract.
    pub token: Address,
    /// Payer.
    pub from: Address,
    /// Payee.
    pub to: Address,
    /// Amount in the smallest unit.
    pub value: U256,
    /// Nonce of the authorization used right before; `None` for a plain transfer.
    pub nonce: Option<B256>,
    /// Transaction.
    pub tx: B256,
    /// Index of the `Transfer` log in its block.
    pub log_index: u64,
    /// Block number.
    pub block: u64,
}

impl Chain {
    /// Number of the block that a tag means, or `None` beyond the newest one.
    pub fn resolve(&self, tag: Tag) -> Option<u64> {
        let latest = self.tip().number;
        match tag {
            Tag::Latest => Some(latest),
            Tag::Safe => Some(latest.saturating_sub(self.timing.safe_lag)),
            Tag::Finalized => Some(latest.saturating_sub(self.timing.finalized_lag)),
            Tag::Number(number) => (number <= latest).then_some(number),
        }
    }

    /// The block that a tag means.
    pub fn block(&self, tag: Tag) -> Option<&Block> {
        self.resolve(tag)
            .and_then(|number| self.blocks.get(usize::try_from(number).ok()?))
    }

    /// The receipt of an included transaction.
    pub fn receipt(&self, tx: B256) -> Option<&Receipt> {
        self.receipts.get(&tx)
    }

    /// Whether the transaction is known but in no block.
    pub fn waits(&self, tx: B256) -> bool {
        self.mempool.iter().any(|t| t.hash == tx)
    }

    /// Logs that pass the filter, in chain order.
    pub fn logs(&self, filter: &LogFilter) -> Vec<Log> {
        let first = usize::try_from(filter.from).unwrap_or(usize::MAX);
        let last = usize::try_from(filter.to).unwrap_or(usize::MAX);
        let blocks = self.blocks.iter().take(last.saturating_add(1)).skip(first);
        let receipts = blocks
            .flat_map(|b| &b.txs)
            .filter_map(|tx| self.receipts.get(&tx.hash));
        receipts
            .flat_map(|r| &r.logs)
            .filter(|log| filter.matches(log))
            .cloned()
            .collect()
    }

    /// What had become of a nonce when block `at` was the newest: read from the logs, as the ledger
    /// knows only the present.
    pub fn nonce_at(&self, token: Address, payer: Address, nonce: B256, at: u64) -> Option<NonceState> {
        let topics = vec![
            vec![TOPIC_USED, TOPIC_CANCELED],
            vec![payer.into_word()],
            vec![nonce],
        ];
        let now = self.ledger.nonce(token, payer, nonce)?;
        if at >= self.tip().number {
            return Some(now);
        }
        let filter = LogFilter {
            from: 0,
            to: at,
            addresses: vec![token],
            topics,
        };
        (!self.logs(&filter).is_empty()).then_some(now)
    }

    /// Every transfer in the present history, each with its nonce.
    pub fn transfers(&self) -> Vec<TransferSeen> {
        let filter = LogFilter {
            from: 0,
            to: u64::MAX,
            ..LogFilter::default()
        };
        let logs = self.logs(&filter);
        let nonce_before = |at: usize| {
            let used = logs.get(at.checked_sub(1)?)?;
            let same = used.tx == logs[at].tx && used.address == logs[at].address;
            (same && used.topics[0] == TOPIC_USED).then(|| used.topics[2])
        };
        let seen = |(at, log): (usize, &Log)| {
            (log.topics[0] == TOPIC_TRANSFER).then(|| TransferSeen {
                token: log.address,
                from: Address::from_word(log.topics[1]),
                to: Address::from_word(log.topics[2]),
                value: amount(log),
                nonce: nonce_before(at),
                tx: log.tx,
                log_index: log.index,
                block: log.block,
            })
        };
        logs.iter().enumerate().filter_map(seen).collect()
    }

    /// Transfers that a nonce authorised: more than one would be a broken chain.
    pub fn transfers_of(&self, nonce: B256) -> Vec<TransferSeen> {
        self.transfers()
            .into_iter()
            .filter(|t| t.nonce == Some(nonce))
            .collect()
    }
}
