//! Which transfer belongs to which authorization.
//!
//! A batch transaction uses many authorizations, perhaps of one payer to one payee over one amount. EIP-3009's
//! reference implementation and every token in our table write `Transfer` right after `AuthorizationUsed`, so
//! uses and transfers of a token are paired in log order: each use takes the first transfer of its authorizer
//! behind it that no earlier use has taken. Two payments never share a transfer.

use alloy_primitives::{Address, B256, U256};

use super::{Event, PaymentFacts, Receipt};

/// A transfer with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incoming {
    /// The token.
    pub token: Address,
    /// Who paid.
    pub from: Address,
    /// Who was paid.
    pub to: Address,
    /// Amount in the token's smallest unit.
    pub value: U256,
    /// Position of its log within the block.
    pub log_index: u64,
    /// The authorization it belongs to; `None` for a transfer that used none.
    pub nonce: Option<B256>,
}

/// A used authorization with its transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Who signed.
    pub authorizer: Address,
    /// The nonce.
    pub nonce: B256,
    /// Position of the use within the block.
    pub used_index: u64,
    /// The transfer, if there is one.
    pub transfer: Option<Incoming>,
}

/// What a receipt says about one authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing.
    Absent,
    /// It was used, and its transfer is what was signed.
    Paid {
        /// Position of the use within the block.
        used_index: u64,
        /// Position of the transfer within the block.
        log_index: u64,
    },
    /// Its signer cancelled it.
    Canceled,
    /// It was used, but not for what was signed; impossible for a standard token.
    Unmatched,
}

/// Uses of authorizations of `token`, paired. Empty for a transaction that reverted.
pub fn pairs(receipt: &Receipt, token: Address) -> Vec<Pair> {
    let mut open: Vec<Pair> = Vec::new();
    for (log_index, event) in events(receipt, token) {
        match event {
            Event::Used { authorizer, nonce } => open.push(Pair {
                authorizer,
                nonce,
                used_index: log_index,
                transfer: None,
            }),
            Event::Transfer { from, to, value } => {
                let waiting = |pair: &&mut Pair| pair.authorizer == from && pair.transfer.is_none();
                if let Some(pair) = open.iter_mut().find(waiting) {
                    pair.transfer = Some(Incoming {
                        token,
                        from,
                        to,
                        value,
                        log_index,
                        nonce: Some(pair.nonce),
                    });
                }
            }
            Event::Canceled { .. } => {}
        }
    }
    open
}

/// Every transfer of `token`, each with the authorization it belongs to.
pub fn incoming(receipt: &Receipt, token: Address) -> Vec<Incoming> {
    let pairs = pairs(receipt, token);
    let of_pair = |log_index| {
        let mut transfers = pairs.iter().filter_map(|pair| pair.transfer);
        transfers.find(|transfer| transfer.log_index == log_index)
    };
    events(receipt, token)
        .filter_map(|(log_index, event)| match event {
            Event::Transfer { from, to, value } => Some(of_pair(log_index).unwrap_or(Incoming {
                token,
                from,
                to,
                value,
                log_index,
                nonce: None,
            })),
            Event::Used { .. } | Event::Canceled { .. } => None,
        })
        .collect()
}

/// What `receipt` says about the authorization of `facts`.
pub fn trace(receipt: &Receipt, facts: &PaymentFacts) -> Trace {
    let pairs = pairs(receipt, facts.token);
    let mut uses = pairs
        .iter()
        .filter(|pair| (pair.authorizer, pair.nonce) == (facts.from, facts.nonce));
    let canceled = events(receipt, facts.token).any(|(_, event)| {
        event
            == Event::Canceled {
                authorizer: facts.from,
                nonce: facts.nonce,
            }
    });
    match (uses.next(), uses.next(), canceled) {
        (None, _, false) => Trace::Absent,
        (None, _, true) => Trace::Canceled,
        (Some(pair), None, false) => match pair.transfer {
            Some(transfer) if (transfer.to, transfer.value) == (facts.pay_to, facts.value) => Trace::Paid {
                used_index: pair.used_index,
                log_index: transfer.log_index,
            },
            _ => Trace::Unmatched,
        },
        // A nonce burns once: used twice, or used and cancelled, is no standard token.
        (Some(_), _, _) => Trace::Unmatched,
    }
}

fn events(receipt: &Receipt, token: Address) -> impl Iterator<Item = (u64, Event)> + '_ {
    receipt
        .logs
        .iter()
        .filter(move |log| receipt.succeeded && log.address == token)
        .filter_map(|log| Some((log.log_index, Event::read(log)?)))
}
