//! A small chain to test with: one payment, and the logs, receipts and views that tell its stories.

use alloy_primitives::{Address, B256, Bytes, U256, address};

use super::*;
use crate::ledger::Status;
use crate::x402::Scheme;

pub(super) const TOKEN: Address = address!("4ae46a509f6b1d9056937ba4500cb143933d2dc8");
pub(super) const PAYER: Address = address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
pub(super) const PAYEE: Address = address!("70997970c51812dc3a010c7d01b50e0d17dc79c8");
pub(super) const NONCE: B256 = B256::repeat_byte(7);
pub(super) const TX: B256 = B256::repeat_byte(0xab);
pub(super) const VALUE: u64 = 10_000;
/// When the chain's block 0 was made; one block a second.
pub(super) const GENESIS: u64 = 1_790_000_000;
/// The authorization ends with the block of this height.
pub(super) const END: u64 = 300;

pub(super) fn block(number: u64) -> Block {
    Block {
        number,
        hash: B256::from(U256::from(0xb10c_0000 + number)),
        timestamp: GENESIS + number,
    }
}

fn topic(account: Address) -> B256 {
    account.into_word()
}

fn log(token: Address, topics: Vec<B256>, data: Bytes, log_index: u64) -> Log {
    let block = block(0);
    Log {
        address: token,
        topics,
        data,
        block_number: block.number,
        block_hash: block.hash,
        tx_hash: TX,
        log_index,
    }
}

pub(super) fn used(token: Address, payer: Address, nonce: B256, log_index: u64) -> Log {
    log(
        token,
        vec![AUTHORIZATION_USED, topic(payer), nonce],
        Bytes::new(),
        log_index,
    )
}

pub(super) fn canceled(token: Address, payer: Address, nonce: B256, log_index: u64) -> Log {
    log(
        token,
        vec![AUTHORIZATION_CANCELED, topic(payer), nonce],
        Bytes::new(),
        log_index,
    )
}

pub(super) fn transfer(token: Address, from: Address, to: Address, value: u64, log_index: u64) -> Log {
    let data = Bytes::from(U256::from(value).to_be_bytes_vec());
    log(token, vec![TRANSFER, topic(from), topic(to)], data, log_index)
}

/// A receipt of `tx` in the block of this height.
pub(super) fn receipt(tx: B256, height: u64, logs: Vec<Log>) -> Receipt {
    let block = block(height);
    let own = |log: Log| Log {
        tx_hash: tx,
        block_number: block.number,
        block_hash: block.hash,
        ..log
    };
    Receipt {
        tx_hash: tx,
        block_number: block.number,
        block_hash: block.hash,
        sender: Some(Address::repeat_byte(9)),
        succeeded: true,
        logs: logs.into_iter().map(own).collect(),
    }
}

/// The payment, as it is meant to be.
pub(super) fn paying(height: u64) -> Receipt {
    let logs = vec![
        used(TOKEN, PAYER, NONCE, 4),
        transfer(TOKEN, PAYER, PAYEE, VALUE, 5),
    ];
    receipt(TX, height, logs)
}

pub(super) fn reverted(height: u64) -> Receipt {
    Receipt {
        succeeded: false,
        ..receipt(TX, height, Vec::new())
    }
}

pub(super) fn sighting(receipt: Receipt) -> Sighting {
    let block = block(receipt.block_number);
    Sighting { receipt, block }
}

/// An endpoint whose latest block has this height; `safe` is 10 blocks back, `finalized` 20.
pub(super) fn view(endpoint: &str, latest: u64) -> View {
    let back = |depth| block(u64::saturating_sub(latest, depth));
    View {
        endpoint: endpoint.to_owned(),
        heads: Heads::new(block(latest), Some(back(10)), Some(back(20))).unwrap(),
        named: Named::NotAsked,
        used: None,
        final_reading: None,
        by_nonce: Vec::new(),
    }
}

/// An endpoint that has this receipt under the named hash.
pub(super) fn mined(endpoint: &str, latest: u64, receipt: Receipt) -> View {
    View {
        named: Named::Mined(sighting(receipt)),
        ..view(endpoint, latest)
    }
}

/// An endpoint that says the nonce is not used, at its latest and at its final block.
pub(super) fn unused(endpoint: &str, latest: u64) -> View {
    let view = view(endpoint, latest);
    let number = view.heads.finalized().unwrap().number;
    View {
        used: Some(false),
        final_reading: Some(FinalReading { used: false, number }),
        ..view
    }
}

/// The payment as the ledger has it, `now` seconds after the chain's first block.
pub(super) fn facts(status: Status, now: u64) -> PaymentFacts {
    PaymentFacts {
        status,
        scheme: Scheme::Exact,
        token: TOKEN,
        from: PAYER,
        pay_to: PAYEE,
        value: U256::from(VALUE),
        nonce: NONCE,
        valid_before: U256::from(GENESIS + END),
        tx_hash: None,
        attempts: 1,
        since: GENESIS,
        now: GENESIS + now,
        recorded: Recorded {
            block_number: None,
            finality: Finality::None,
        },
    }
}

/// The same with a transaction that was named.
pub(super) fn named(status: Status, now: u64) -> PaymentFacts {
    PaymentFacts {
        tx_hash: Some(TX),
        ..facts(status, now)
    }
}

pub(super) fn seen(views: impl IntoIterator<Item = View>) -> Observations {
    Observations {
        views: views.into_iter().collect(),
        facilitator: None,
    }
}
