//! The chain as an endpoint shows it, in the form `decide` takes.

use insforge_protocol::evidence::{
    AUTHORIZATION_USED, Block, Decision, FinalReading, Finality, Heads, Log, Named, Observations,
    PaymentFacts, Receipt, Recorded, Rules, Sighting, TRANSFER, View, decide,
};
use insforge_protocol::evm::{Address, B256, U256};
use insforge_protocol::ledger::Status;
use insforge_protocol::okx::HashStatus;
use insforge_protocol::x402::Scheme;

use crate::world::{ATTEMPTS, Chain, Model, Seen, Time, Tx};

const TOKEN: Address = Address::repeat_byte(1);
const PAYER: Address = Address::repeat_byte(2);
const PAYEE: Address = Address::repeat_byte(3);
const NONCE: B256 = B256::repeat_byte(4);
/// Height at which a transaction is mined, and at which the authorization ends.
const MINED: u64 = 50;
const END: u64 = 300;

/// What is to be done about a row that was seen like this, in a world like this.
pub(crate) fn decided(seen: Seen, chain: &Chain, model: Model) -> Decision {
    let facts = facts(seen, chain);
    let observations = Observations {
        views: if model.chain {
            vec![view(seen, chain)]
        } else {
            vec![]
        },
        facilitator: seen.named.map(|tx| status(tx, chain)),
    };
    let rules = Rules {
        endpoints: usize::from(model.chain),
        attempts: u32::from(ATTEMPTS),
        ..Rules::DEFAULT
    };
    decide(&facts, &observations, &rules)
}

/// The transaction of a hash that `decided` spoke of.
pub(crate) fn tx_of(hash: B256) -> Tx {
    hash.0[31]
}

fn hash(tx: Tx) -> B256 {
    B256::with_last_byte(tx)
}

fn latest(chain: &Chain) -> u64 {
    match chain.time {
        Time::Alive => 60,
        Time::Over => 310,
        Time::Final => 330,
    }
}

fn block(number: u64) -> Block {
    let hash = B256::from(U256::from(1_000 + number));
    Block {
        number,
        hash,
        timestamp: number,
    }
}

fn facts(seen: Seen, chain: &Chain) -> PaymentFacts {
    PaymentFacts {
        status: seen.status,
        scheme: Scheme::Exact,
        token: TOKEN,
        from: PAYER,
        pay_to: PAYEE,
        value: U256::from(1),
        nonce: NONCE,
        valid_before: U256::from(END),
        tx_hash: seen.named.map(hash),
        attempts: u32::from(seen.attempts),
        since: 0,
        now: latest(chain),
        recorded: Recorded {
            block_number: None,
            finality: Finality::None,
        },
    }
}

fn view(seen: Seen, chain: &Chain) -> View {
    let top = latest(chain);
    let sighting = chain.used_by.map(|tx| Sighting {
        receipt: receipt(tx),
        block: block(MINED),
    });
    let is_named = |one: &Sighting| seen.named.map(hash) == Some(one.receipt.tx_hash);
    let final_block = top - 20;
    let heads = Heads::new(block(top), None, Some(block(final_block))).expect("heads are in order");
    View {
        endpoint: "node".to_owned(),
        heads,
        named: match (&sighting, seen.named) {
            (Some(one), _) if is_named(one) => Named::Mined(one.clone()),
            (_, Some(_)) => Named::Absent,
            (_, None) => Named::NotAsked,
        },
        used: Some(sighting.is_some()),
        final_reading: Some(FinalReading {
            used: sighting.is_some() && final_block >= MINED,
            number: final_block,
        }),
        by_nonce: sighting.into_iter().collect(),
    }
}

fn receipt(tx: Tx) -> Receipt {
    let log = |topics: Vec<B256>, data: Vec<u8>, log_index| Log {
        address: TOKEN,
        topics,
        data: data.into(),
        block_number: MINED,
        block_hash: block(MINED).hash,
        tx_hash: hash(tx),
        log_index,
    };
    let used = vec![AUTHORIZATION_USED, PAYER.into_word(), NONCE];
    let paid = vec![TRANSFER, PAYER.into_word(), PAYEE.into_word()];
    Receipt {
        tx_hash: hash(tx),
        block_number: MINED,
        block_hash: block(MINED).hash,
        sender: None,
        succeeded: true,
        logs: vec![
            log(used, vec![], 0),
            log(paid, U256::from(1).to_be_bytes_vec(), 1),
        ],
    }
}

/// `settle/status` of an honest facilitator.
fn status(tx: Tx, chain: &Chain) -> HashStatus {
    if chain.used_by == Some(tx) {
        HashStatus::Succeeded
    } else if chain.waiting & (1 << tx) != 0 {
        HashStatus::Pending
    } else {
        HashStatus::NotFound
    }
}

/// Whether a status can be seen by a worker that reconciles.
pub(crate) fn is_reconciled(status: Status) -> bool {
    matches!(status, Status::Unknown | Status::Submitted)
}
