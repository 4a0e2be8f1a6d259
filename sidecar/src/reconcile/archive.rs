use std::time::Duration;

use futures_util::future::BoxFuture;
use insforge_protocol::asset::VouchedDomain;
use insforge_protocol::evidence::Finality;
use insforge_protocol::evm::{Address, B256, U256};
use insforge_protocol::x402::Scheme;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::settle::LedgerError;

type Answer<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

/// The database, as finality, the scan and the check of domains need it. Each call is one statement.
pub trait Archive: Send + Sync {
    /// Settled payments whose finality can rise, in the order of their ids after `after`.
    fn unproven<'a>(
        &'a self,
        network: &'a str,
        safe_block: Option<u64>,
        final_block: Option<u64>,
        after: Option<Uuid>,
        batch: usize,
    ) -> Answer<'a, Vec<Unproven>>;

    /// Records what the chain says of settled payments; returns how many were applied.
    fn confirm<'a>(&'a self, confirmations: &'a [Confirmation]) -> Answer<'a, usize>;

    /// Leases the scan of a network, started at `start` if it never was; `None` while another worker has it.
    fn scan_claim<'a>(&'a self, network: &'a str, lease: Duration, start: u64) -> Answer<'a, Option<Cursor>>;

    /// Moves the scan and prolongs its lease; `false`: it was lost.
    fn scan_advance<'a>(&'a self, network: &'a str, cursor: &'a Cursor, lease: Duration) -> Answer<'a, bool>;

    /// Tokens and payees that payments of a network name.
    fn scan_targets<'a>(&'a self, network: &'a str) -> Answer<'a, Vec<ScanTarget>>;

    /// Records transfers; returns those that belong to a payment.
    fn record_transfers<'a>(&'a self, transfers: &'a [Transfer]) -> Answer<'a, Vec<Matched>>;

    /// Token domains that the operator vouches for.
    fn vouched(&self) -> Answer<'_, Vec<VouchedDomain>>;
}

/// A settled payment whose block may still go, or is not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Unproven {
    /// The payment.
    pub id: Uuid,
    /// The transaction it was settled by.
    pub tx_hash: Option<B256>,
    /// The block, if it is known.
    pub block: Option<(u64, B256)>,
    /// Position of the transfer's log, if it is known.
    pub log_index: Option<u64>,
    /// How final it was when last looked at.
    pub finality: Finality,
    /// The payer.
    pub payer: Address,
    /// The payee.
    pub pay_to: Address,
    /// The token.
    pub asset: Address,
    /// Amount in the token's smallest unit.
    pub value: U256,
    /// The authorization's nonce.
    pub nonce: B256,
    /// How it was paid.
    pub scheme: Scheme,
    /// Unix seconds; 0 where no authorization is kept.
    pub valid_before: U256,
    /// When it was recorded, unix seconds.
    pub created: u64,
    /// When it was settled, unix seconds.
    pub settled: u64,
}

/// What the chain says of a settled payment, as `x402.confirm` takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confirmation {
    /// The payment.
    pub id: Uuid,
    /// The transaction it is recorded with; another one by now means that somebody else moved it.
    pub tx_hash: String,
    /// `confirmed` or `reorganised`.
    pub outcome: &'static str,
    /// safe, finalized …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finality: Option<&'static str>,
    /// Height of the block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_number: Option<u64>,
    /// The block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_hash: Option<String>,
    /// Position of the transfer's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_index: Option<u64>,
    /// Why it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What that rests on.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub evidence: Value,
}

/// How far a network was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The next block to scan.
    pub next_block: u64,
    /// Hash of the block before it, when it was scanned.
    pub block_hash: Option<B256>,
    /// Fencing token.
    pub token: i64,
}

/// A token and a payee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScanTarget {
    /// The token.
    pub asset: Address,
    /// The payee.
    pub pay_to: Address,
}

/// A transfer that belongs to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The payment.
    pub id: Uuid,
    /// Its status now.
    pub status: String,
    /// Whether that was news.
    pub applied: bool,
    /// The transaction.
    pub tx_hash: String,
    /// Position of the transfer's log within the block.
    pub log_index: u64,
}

/// A transfer that was found, as `x402.record_transfers` takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    /// CAIP-2.
    pub network: String,
    /// The token.
    pub asset: String,
    /// Who paid.
    pub payer: String,
    /// Nonce of the authorization it belongs to; `None` for a transfer that belongs to none.
    pub nonce: Option<String>,
    /// Who was paid.
    pub pay_to: String,
    /// Amount in the token's smallest unit, decimal.
    pub value: String,
    /// The transaction.
    pub tx_hash: String,
    /// Position of its log within the block.
    pub log_index: u64,
    /// Height of the block.
    pub block_number: u64,
    /// The block.
    pub block_hash: String,
    /// latest, safe or finalized.
    pub finality: &'static str,
    /// Time of the block, unix seconds.
    pub block_time: u64,
    /// Which endpoint showed it, and who sent it.
    pub evidence: Value,
}
