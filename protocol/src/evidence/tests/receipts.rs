//! Receipts as JSON: every member that ties a log to the chain is needed.

use serde_json::{Value, json};

use super::*;
use crate::ledger::Status::Unknown;

fn log_json(log: &Log) -> Value {
    json!({
        "address": format!("{:#x}", log.address),
        "topics": log.topics.iter().map(|topic| format!("{topic:#x}")).collect::<Vec<_>>(),
        "data": format!("{:#x}", log.data),
        "blockNumber": format!("{:#x}", log.block_number),
        "blockHash": format!("{:#x}", log.block_hash),
        "transactionHash": format!("{:#x}", log.tx_hash),
        "logIndex": format!("{:#x}", log.log_index),
        "removed": false,
    })
}

fn receipt_json(receipt: &Receipt) -> Value {
    json!({
        "transactionHash": format!("{:#x}", receipt.tx_hash),
        "blockNumber": format!("{:#x}", receipt.block_number),
        "blockHash": format!("{:#x}", receipt.block_hash),
        "from": receipt.sender.map(|sender| format!("{sender:#x}")),
        "status": if receipt.succeeded { "0x1" } else { "0x0" },
        "logs": receipt.logs.iter().map(log_json).collect::<Vec<_>>(),
    })
}

#[test]
fn a_receipt_is_read_back_as_it_was() {
    for receipt in [paying(50), reverted(50)] {
        assert_eq!(Receipt::parse(&receipt_json(&receipt), TX), Ok(Some(receipt)));
    }
    assert_eq!(Receipt::parse(&Value::Null, TX), Ok(None));
}

#[test]
fn a_receipt_with_a_member_changed_or_missing_proves_nothing() {
    let whole = receipt_json(&paying(50));
    let other = format!("0x{}", "ee".repeat(32));
    let changes = [
        ("/transactionHash", json!(other)),
        ("/transactionHash", Value::Null),
        ("/blockHash", json!(other)),
        ("/blockHash", Value::Null),
        ("/blockNumber", json!("0x33")),
        ("/blockNumber", Value::Null),
        ("/status", json!("0x0")),
        ("/status", json!("0x2")),
        ("/status", Value::Null),
        ("/logs", Value::Null),
        ("/logs", json!([])),
        ("/logs/0/address", json!(format!("0x{}", "11".repeat(20)))),
        ("/logs/1/address", json!(format!("0x{}", "11".repeat(20)))),
        ("/logs/0/topics/0", json!(other)),
        ("/logs/0/topics/1", json!(other)),
        ("/logs/0/topics/2", json!(other)),
        ("/logs/1/topics/0", json!(other)),
        ("/logs/1/topics/1", json!(other)),
        ("/logs/1/topics/2", json!(other)),
        ("/logs/1/topics", json!([])),
        ("/logs/1/data", json!("0x")),
        ("/logs/1/data", json!(other)),
        ("/logs/1/data", json!("0xzz")),
        ("/logs/0/removed", json!(true)),
        ("/logs/1/removed", json!("no")),
        ("/logs/1/transactionHash", json!(other)),
        ("/logs/1/blockHash", json!(other)),
        ("/logs/1/blockNumber", json!("0x33")),
        ("/logs/1/logIndex", json!("0x4")),
        ("/logs/1/logIndex", json!("0x3")),
        ("/logs/1/logIndex", Value::Null),
    ];
    let proves = |json: &Value| {
        let Ok(Some(receipt)) = Receipt::parse(json, TX) else {
            return false;
        };
        let view = View {
            used: Some(true),
            ..mined("a", 60, receipt)
        };
        decided(&named(Unknown, 60), [view], &ONE) == "settled"
    };
    assert!(proves(&whole));
    for (pointer, value) in changes {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        assert!(!proves(&changed), "{pointer} = {value}");
    }
}

#[test]
fn equal_payments_in_one_batch_each_have_a_transfer_of_their_own() {
    let nonces: Vec<_> = (1..=5).map(B256::repeat_byte).collect();
    let logs = nonces.iter().zip(0..).flat_map(|(nonce, n)| {
        [
            used(TOKEN, PAYER, *nonce, 2 * n),
            transfer(TOKEN, PAYER, PAYEE, VALUE, 2 * n + 1),
        ]
    });
    let batch = receipt(TX, 50, logs.collect());
    let places: Vec<_> = nonces
        .iter()
        .map(|nonce| {
            let facts = PaymentFacts {
                nonce: *nonce,
                ..facts(Unknown, 60)
            };
            trace(&batch, &facts)
        })
        .collect();
    let expected: Vec<_> = (0..5)
        .map(|n| Trace::Paid {
            used_index: 2 * n,
            log_index: 2 * n + 1,
        })
        .collect();
    assert_eq!(places, expected);
}

#[test]
fn two_uses_over_one_transfer_prove_one_payment() {
    let second = B256::repeat_byte(8);
    let logs = vec![
        used(TOKEN, PAYER, NONCE, 0),
        used(TOKEN, PAYER, second, 1),
        transfer(TOKEN, PAYER, PAYEE, VALUE, 2),
    ];
    let short = receipt(TX, 50, logs);
    let mine = facts(Unknown, 60);
    assert_eq!(
        trace(&short, &mine),
        Trace::Paid {
            used_index: 0,
            log_index: 2
        }
    );
    let other = PaymentFacts {
        nonce: second,
        ..mine
    };
    assert_eq!(trace(&short, &other), Trace::Unmatched);
}

#[test]
fn a_transfer_that_belongs_to_no_authorization_is_told_apart() {
    let logs = vec![
        transfer(TOKEN, PAYER, PAYEE, VALUE, 0),
        used(TOKEN, PAYER, NONCE, 1),
        transfer(TOKEN, PAYER, PAYEE, VALUE, 2),
        transfer(TOKEN, PAYER, PAYEE, VALUE, 3),
    ];
    let nonces: Vec<_> = incoming(&receipt(TX, 50, logs), TOKEN)
        .iter()
        .map(|one| one.nonce)
        .collect();
    assert_eq!(nonces, [None, Some(NONCE), None]);
}
