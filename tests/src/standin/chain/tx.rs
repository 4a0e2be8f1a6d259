use alloy_primitives::{Address, B256, U256};
use insforge_protocol::evm::Authorization;

use super::logs::Log;

/// One call inside a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `transferWithAuthorization` on `token`.
    UseAuthorization(Address, Authorization),
    /// `cancelAuthorization(authorizer, nonce)` on `token`.
    Cancel(Address, Address, B256),
    /// A plain `transfer` of `token`: from, to, value.
    Transfer(Address, Address, Address, U256),
}

/// A transaction: several actions make a batch, which takes effect as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tx {
    /// Transaction hash; unchanged when a reorganisation includes it again.
    pub hash: B256,
    /// Account that sent it: the facilitator's relayer, or somebody else.
    pub submitter: Address,
    /// What it does, in order.
    pub actions: Vec<Action>,
}

/// What a transaction did when it was included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction.
    pub tx: B256,
    /// Sender.
    pub submitter: Address,
    /// Position in the block.
    pub index: u64,
    /// Block number.
    pub block: u64,
    /// Hash of the block.
    pub block_hash: B256,
    /// False: reverted, without logs.
    pub success: bool,
    /// Logs in the order of emission.
    pub logs: Vec<Log>,
}
