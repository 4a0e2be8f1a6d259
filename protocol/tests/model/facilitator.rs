//! What a call of `/settle` can do and say.

use insforge_protocol::ledger::Word;
use insforge_protocol::okx::Class;

use crate::world::{Chain, GHOST, Model, Report, Time, Tx};

/// Every effect of a call with every answer that may follow it. An honest facilitator refuses only what it did not
/// send; whether it answers at all is nobody's promise.
pub(crate) fn calls(chain: &Chain, tx: Tx, model: Model) -> Vec<(Chain, Report, &'static str)> {
    let mut all = vec![
        (*chain, refused(), "refused"),
        (*chain, not_sent(), "no connection"),
        (*chain, unknown(None), "5xx, nothing sent"),
    ];
    if model.ghosts {
        all.push((*chain, submitted(GHOST), "a made-up hash, pending"));
        all.push((*chain, confirmed(GHOST, model), "a made-up hash, confirmed"));
    }
    if chain.time == Time::Alive {
        let sent = Chain {
            waiting: chain.waiting | bit(tx),
            ..*chain
        };
        all.push((sent, submitted(tx), "sent, pending"));
        all.push((sent, unknown(None), "sent, timeout"));
    }
    if chain.time == Time::Alive && chain.used_by.is_none() {
        let landed = Chain {
            used_by: Some(tx),
            ..*chain
        };
        all.push((landed, confirmed(tx, model), "landed, confirmed"));
        all.push((landed, submitted(tx), "landed, pending"));
        all.push((landed, unknown(Some(tx)), "landed, contradictory answer"));
        all.push((landed, unknown(None), "landed, timeout"));
    }
    all
}

/// Transactions on their way: each may be mined or dropped.
pub(crate) fn mempool(chain: &Chain) -> Vec<(Chain, &'static str)> {
    let mut all = Vec::new();
    for tx in (1..=crate::world::ATTEMPTS).filter(|tx| chain.waiting & bit(*tx) != 0) {
        let waiting = chain.waiting & !bit(tx);
        all.push((Chain { waiting, ..*chain }, "a transaction is dropped"));
        if chain.used_by.is_none() {
            let used_by = Some(tx);
            all.push((
                Chain {
                    waiting,
                    used_by,
                    ..*chain
                },
                "a transaction is mined",
            ));
        }
    }
    all
}

/// With a chain to ask, the facilitator's "confirmed" names a transaction to be proven; without one it is the
/// proof.
fn confirmed(tx: Tx, model: Model) -> Report {
    let word = if model.chain {
        Word::Submitted
    } else {
        Word::Settled
    };
    Report {
        tx: Some(tx),
        ..Report::of(word)
    }
}

fn submitted(tx: Tx) -> Report {
    Report {
        tx: Some(tx),
        ..Report::of(Word::Submitted)
    }
}

fn refused() -> Report {
    Report {
        class: Some(Class::Final),
        ..Report::of(Word::Refused)
    }
}

pub(crate) fn not_sent() -> Report {
    Report {
        class: Some(Class::Retryable),
        ..Report::of(Word::NotSent)
    }
}

pub(crate) fn unknown(tx: Option<Tx>) -> Report {
    Report {
        class: Some(Class::Unknown),
        tx,
        ..Report::of(Word::Unknown)
    }
}

const fn bit(tx: Tx) -> u8 {
    1 << tx
}
