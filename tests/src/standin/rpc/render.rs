use super::*;

/// A block as `eth_getBlockByNumber` shows it, transactions as hashes.
pub(super) fn block(block: &Block) -> Value {
    json!({
        "number": format!("{:#x}", block.number), "hash": block.hash, "parentHash": block.parent,
        "timestamp": format!("{:#x}", block.timestamp),
        "transactions": block.txs.iter().map(|tx| tx.hash).collect::<Vec<_>>(),
    })
}

/// A receipt as `eth_getTransactionReceipt` shows it.
pub(super) fn receipt(receipt: &Receipt) -> Value {
    json!({
        "transactionHash": receipt.tx, "transactionIndex": format!("{:#x}", receipt.index),
        "blockNumber": format!("{:#x}", receipt.block), "blockHash": receipt.block_hash,
        "from": receipt.submitter, "status": if receipt.success { "0x1" } else { "0x0" },
        "logs": receipt.logs.iter().map(log).collect::<Vec<_>>(), "type": "0x2",
    })
}

/// A log entry.
pub(super) fn log(log: &Log) -> Value {
    json!({
        "address": log.address, "topics": log.topics, "data": hex::encode_prefixed(&log.data),
        "blockNumber": format!("{:#x}", log.block), "blockHash": log.block_hash, "transactionHash": log.tx,
        "transactionIndex": format!("{:#x}", log.tx_index), "logIndex": format!("{:#x}", log.index),
        "removed": false,
    })
}
