use alloy_primitives::{Address, B256, U256, b256};

/// topic0 of `AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)`.
pub const TOPIC_USED: B256 = b256!("98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5");
/// topic0 of `AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce)`.
pub const TOPIC_CANCELED: B256 = b256!("1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81");
/// topic0 of `Transfer(address indexed from, address indexed to, uint256 value)`.
pub const TOPIC_TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// A log entry as `eth_getLogs` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Emitting contract.
    pub address: Address,
    /// Indexed fields; the first is the event's signature hash.
    pub topics: Vec<B256>,
    /// Other fields, ABI encoded.
    pub data: Vec<u8>,
    /// Block number.
    pub block: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// Transaction.
    pub tx: B256,
    /// The transaction's position in its block.
    pub tx_index: u64,
    /// Position in the block, over all transactions.
    pub index: u64,
}

/// An event before it has a place in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) address: Address,
    pub(super) topics: Vec<B256>,
    pub(super) data: Vec<u8>,
}

impl Event {
    pub(super) fn used(token: Address, payer: Address, nonce: B256) -> Event {
        Event {
            address: token,
            topics: vec![TOPIC_USED, payer.into_word(), nonce],
            data: Vec::new(),
        }
    }

    pub(super) fn canceled(token: Address, payer: Address, nonce: B256) -> Event {
        Event {
            address: token,
            topics: vec![TOPIC_CANCELED, payer.into_word(), nonce],
            data: Vec::new(),
        }
    }

    pub(super) fn transfer(token: Address, from: Address, to: Address, value: U256) -> Event {
        let topics = vec![TOPIC_TRANSFER, from.into_word(), to.into_word()];
        Event {
            address: token,
            topics,
            data: value.to_be_bytes_vec(),
        }
    }
}

/// The filter of `eth_getLogs`, block range already resolved.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// First block.
    pub from: u64,
    /// Last block, included.
    pub to: u64,
    /// Emitting contracts; empty means any.
    pub addresses: Vec<Address>,
    /// Alternatives for each topic position; an empty list means any.
    pub topics: Vec<Vec<B256>>,
}

impl LogFilter {
    /// Whether `log` passes.
    pub fn matches(&self, log: &Log) -> bool {
        let address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        let range = (self.from..=self.to).contains(&log.block);
        address
            && range
            && self
                .topics
                .iter()
                .enumerate()
                .all(|(at, wanted)| passes(log, at, wanted))
    }
}

/// A position that the filter names must exist in the log, even when any value will do.
fn passes(log: &Log, at: usize, wanted: &[B256]) -> bool {
    log.topics
        .get(at)
        .is_some_and(|topic| wanted.is_empty() || wanted.contains(topic))
}
