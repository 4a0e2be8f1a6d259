//! The members of an x402 answer, under both generations' names, and whether they speak of what was asked.

use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use super::envelope::{Envelope, text_of};
use crate::evm::{self, tx_hash};
use crate::x402::{Network, Payment, Scheme};

/// Reason given where an answer contradicts the request.
pub(super) const ABOUT_ANOTHER: &str = "the answer is about another payment";

/// Longest foreign text kept of a member, and of a body that cannot be read.
const KEEP_CHARS: usize = 512;
const KEEP_BODY_CHARS: usize = 4096;
/// Longer unbroken runs may be signatures or certificates; hashes (66) and addresses are shorter.
const LONGEST_WORD: usize = 100;

/// What the call was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Scheme of the payment.
    pub scheme: Scheme,
    /// Chain to settle on.
    pub network: Network,
    /// The payer.
    pub payer: Address,
}

impl Asked {
    /// What a call about `payment` asks.
    pub fn of(payment: &Payment) -> Self {
        Self {
            scheme: payment.scheme.clone(),
            network: payment.network,
            payer: payment.authorization.from,
        }
    }
}

/// An answer's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: Option<String>,
    pub(super) code_ok: bool,
    pub(super) msg: Option<String>,
    pub(super) success: Option<bool>,
    pub(super) status: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) transaction: Option<String>,
    pub(super) network: Option<String>,
    pub(super) payer: Option<String>,
    hashes: Vec<B256>,
}

impl Answer {
    pub(super) fn read(envelope: &Envelope) -> Self {
        let answer = envelope.answer();
        let first = |members: &[&str]| members.iter().find_map(|member| text_of(answer, member));
        let hash_of = |member| text_of(answer, member).as_deref().and_then(tx_hash);
        let mut hashes: Vec<_> = ["transaction", "txHash"]
            .into_iter()
            .filter_map(hash_of)
            .collect();
        hashes.dedup();
        Self {
            code: envelope.code.clone(),
            code_ok: envelope.is_ok(),
            msg: envelope.msg.as_deref().map(tidy),
            success: answer.get("success").and_then(Value::as_bool),
            status: first(&["status"]).as_deref().map(tidy),
            reason: first(&["errorReason", "errorMsg", "error_reason", "errorMessage"])
                .as_deref()
                .map(tidy),
            transaction: first(&["transaction", "txHash"]).as_deref().map(tidy),
            network: network_of(answer),
            payer: first(&["payer"]).as_deref().map(tidy),
            hashes,
        }
    }

    /// The transaction hash, if it is well formed.
    pub(super) fn hash(&self) -> Option<B256> {
        self.hashes.first().copied()
    }

    /// Whether the answer names another network, payer or a second transaction: then it is not an answer to
    /// this request.
    pub(super) fn contradicts(&self, asked: &Asked) -> bool {
        let network = |text: &String| text.parse() != Ok(asked.network);
        // OKX may spell an address of X Layer in its own way.
        let payer = |text: &String| evm::address(text).or(evm::xko_address(text)) != Some(asked.payer);
        self.network.as_ref().is_some_and(network)
            || self.payer.as_ref().is_some_and(payer)
            || self.hashes.len() > 1
    }

    /// Reason text as the facilitator gave it, else the envelope's message, else its code.
    pub(super) fn why(&self) -> Option<String> {
        let code = || self.code.clone().filter(|_| !self.code_ok);
        let msg = || {
            self.msg
                .clone()
                .filter(|_| !self.code_ok || self.success != Some(true))
        };
        self.reason.clone().or_else(msg).or_else(code)
    }

    /// What the ledger keeps of the answer.
    pub(super) fn evidence(&self, http_status: u16) -> Value {
        let mut members = json!({
            "http_status": http_status,
            "code": self.code,
            "msg": self.msg,
            "success": self.success,
            "status": self.status,
            "reason": self.reason,
            "transaction": self.transaction,
            "network": self.network,
            "payer": self.payer,
        });
        if let Some(members) = members.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        members
    }
}

/// `network`, or generation 1's `chainIndex`.
fn network_of(answer: &Value) -> Option<String> {
    let index = || {
        answer
            .get("chainIndex")
            .and_then(Value::as_u64)
            .map(|id| id.to_string())
    };
    let named = ["network", "chainIndex"]
        .iter()
        .find_map(|member| text_of(answer, member));
    named.or_else(index).as_deref().map(tidy)
}

/// Foreign text fit for the ledger: cut, and without anything long enough to be a signature.
pub(super) fn tidy(text: &str) -> String {
    tidy_to(KEEP_CHARS, text)
}

/// A body that cannot be read, fit for the ledger.
pub(super) fn tidy_body(body: &[u8]) -> String {
    tidy_to(KEEP_BODY_CHARS, &String::from_utf8_lossy(body))
}

fn tidy_to(chars: usize, text: &str) -> String {
    let cut: String = text.chars().take(chars).collect();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let mut tidied = String::with_capacity(cut.len());
    for piece in cut.split_inclusive(|c| !is_word(c)) {
        let word = piece.trim_end_matches(|c| !is_word(c));
        if word.len() > LONGEST_WORD {
            tidied.push_str("[redacted]");
            tidied.push_str(&piece[word.len()..]);
        } else {
            tidied.push_str(piece);
        }
    }
    tidied
}
