use std::collections::HashMap;

use alloy_primitives::{B256, hex};

use super::books::{Books, Payment};
use super::reckon::{Findings, Seen};
use crate::standin::chain::TransferSeen;

/// Each settled row has its transfer, each transfer its settled row, and nothing else has either.
pub(super) fn compare(books: &Books, seen: &Seen<'_>, findings: &mut Findings<'_>) {
    let mut moved: HashMap<String, Vec<&TransferSeen>> = HashMap::new();
    for transfer in &seen.transfers {
        let nonce = transfer.nonce.map_or_else(String::new, text);
        moved.entry(nonce).or_default().push(transfer);
    }
    let mut owners: HashMap<(String, i32), &Payment> = HashMap::new();
    for payment in &books.payments {
        let transfers = moved.remove(&payment.nonce).unwrap_or_default();
        if transfers.len() > 1 {
            findings.about(
                payment,
                "double",
                format!("the chain has {} transfers of it", transfers.len()),
            );
        }
        match (payment.status.as_str(), transfers.first()) {
            ("settled", None) => findings.about(
                payment,
                "unpaid",
                "it is settled, and the chain has no transfer of it",
            ),
            ("settled", Some(transfer)) => {
                for difference in differences(payment, transfer) {
                    findings.about(payment, "proof", difference);
                }
            }
            (status, Some(transfer)) => {
                let what = format!("it is {status}, and {} has its transfer", text(transfer.tx));
                findings.about(payment, "unrecorded", what);
            }
            (_, None) => {}
        }
        let proof = payment
            .tx_hash
            .clone()
            .zip(payment.log_index)
            .filter(|_| payment.status == "settled");
        if let Some(other) = proof.and_then(|proof| owners.insert(proof, payment)) {
            findings.about(
                payment,
                "double",
                format!("its transfer proves {} as well", other.id),
            );
        }
    }
    for (nonce, transfers) in moved {
        let what = format!(
            "{} transfers of it are on the chain, and no row is in the ledger",
            transfers.len()
        );
        findings.add(format!("nonce {nonce:?}"), "unrecorded", what);
    }
}

fn differences(payment: &Payment, transfer: &TransferSeen) -> Vec<String> {
    let ledger = [
        ("hash", payment.tx_hash.clone().unwrap_or_default()),
        (
            "log index",
            payment
                .log_index
                .map_or_else(String::new, |index| index.to_string()),
        ),
        (
            "block",
            payment
                .block_number
                .map_or_else(String::new, |block| block.to_string()),
        ),
        ("payer", payment.payer.clone()),
        ("payee", payment.pay_to.clone()),
        ("token", payment.asset.clone()),
        ("value", payment.value.clone()),
    ];
    let chain = [
        text(transfer.tx),
        transfer.log_index.to_string(),
        transfer.block.to_string(),
        hex::encode_prefixed(transfer.from),
        hex::encode_prefixed(transfer.to),
        hex::encode_prefixed(transfer.token),
        transfer.value.to_string(),
    ];
    let pairs = ledger.into_iter().zip(chain);
    let differing = pairs.filter(|((_, ours), theirs)| ours != theirs);
    differing
        .map(|((name, ours), theirs)| format!("its {name} is {ours:?}, the chain's {theirs:?}"))
        .collect()
}

fn text(word: B256) -> String {
    format!("{word:#x}")
}
