//! The reckoning itself: what it must find, planted.

use std::collections::HashMap;

use alloy_primitives::{B256, hex};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Books, Payment, Seen, audit};
use crate::chaos::chance::Chance;
use crate::chaos::purchase::Purchase;
use crate::chaos::shop::Sale;
use crate::ledger::Event;
use crate::standin::chain::TransferSeen;

const HASH: B256 = B256::repeat_byte(7);

/// One payment that went as it should.
struct World {
    books: Books,
    sales: Vec<Sale>,
    transfers: Vec<TransferSeen>,
}

fn event(from: Option<&str>, to: &str, evidence: Value) -> Event {
    Event {
        from: from.map(str::to_owned),
        to: to.to_owned(),
        actor: "seat-0.0".to_owned(),
        evidence,
        at: String::new(),
    }
}

fn world() -> World {
    let signed = Purchase::draw(Chance { seed: 1 }, 0).unwrap().sign();
    let id = Uuid::from_u128(1);
    let hash = format!("{HASH:#x}");
    let payment = Payment {
        id,
        nonce: signed.nonce_text(),
        payer: hex::encode_prefixed(signed.auth.from),
        pay_to: hex::encode_prefixed(signed.auth.to),
        asset: hex::encode_prefixed(signed.offer.domain.verifying_contract),
        value: signed.auth.value.to_string(),
        status: "settled".to_owned(),
        tx_hash: Some(hash.clone()),
        log_index: Some(1),
        block_number: Some(9),
        finality: "finalized".to_owned(),
        reason: None,
    };
    let events = vec![
        event(None, "pending", json!({})),
        event(Some("pending"), "settling", json!({"lease_token": 5})),
        event(
            Some("settling"),
            "settled",
            json!({"lease_token": 5, "tx_hash": hash}),
        ),
    ];
    let transfer = TransferSeen {
        token: signed.offer.domain.verifying_contract,
        from: signed.auth.from,
        to: signed.auth.to,
        value: signed.auth.value,
        nonce: Some(signed.nonce()),
        tx: HASH,
        log_index: 1,
        block: 9,
    };
    World {
        books: Books {
            payments: vec![payment],
            events: HashMap::from([(id, events)]),
            queued: Vec::new(),
        },
        sales: vec![Sale {
            number: 0,
            signed,
            answers: vec![Ok(id)],
        }],
        transfers: vec![transfer],
    }
}

impl World {
    fn payment(&mut self) -> &mut Payment {
        &mut self.books.payments[0]
    }

    fn events(&mut self) -> &mut Vec<Event> {
        self.books.events.get_mut(&Uuid::from_u128(1)).unwrap()
    }
}

/// The kinds of what is found after a change, each once.
fn found(change: impl FnOnce(&mut World)) -> Vec<&'static str> {
    let mut world = world();
    change(&mut world);
    let seen = Seen {
        sales: &world.sales,
        transfers: world.transfers.clone(),
        calls: Vec::new(),
        ended: &[],
    };
    let mut kinds: Vec<_> = audit(&world.books, &seen)
        .into_iter()
        .map(|one| one.kind)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[test]
fn nothing_is_found_where_all_is_well() {
    assert!(found(|_| ()).is_empty());
}

#[test]
fn a_lost_payment_is_found() {
    assert_eq!(
        found(|world| world.books.payments.clear()),
        ["lost", "unrecorded"]
    );
    assert_eq!(
        found(|world| world.sales[0].answers.push(Ok(Uuid::from_u128(2)))),
        ["lost"]
    );
}

#[test]
fn money_that_moved_twice_or_not_at_all_is_found() {
    let twice = |world: &mut World| world.transfers.push(world.transfers[0].clone());
    assert_eq!(found(twice), ["double"]);
    assert_eq!(found(|world| world.transfers.clear()), ["unpaid"]);
    let copy = |world: &mut World| {
        let copied = Payment {
            id: Uuid::from_u128(2),
            ..world.books.payments[0].clone()
        };
        world.books.payments.push(copied);
    };
    assert!(found(copy).contains(&"double"));
}

#[test]
fn a_payment_that_is_closed_unpaid_although_the_money_moved_is_found() {
    let closed = |world: &mut World| {
        world.payment().status = "failed".to_owned();
        let last = event(
            Some("settling"),
            "failed",
            json!({"reason": "payer_blocked", "lease_token": 5}),
        );
        *world.events().last_mut().unwrap() = last;
    };
    assert_eq!(found(closed), ["unrecorded"]);
}

#[test]
fn a_proof_that_names_another_place_or_value_is_found() {
    assert_eq!(found(|world| world.payment().log_index = Some(2)), ["proof"]);
    assert_eq!(found(|world| world.payment().value.push('0')), ["proof"]);
    assert_eq!(found(|world| world.transfers[0].tx = B256::ZERO), ["proof"]);
}

#[test]
fn a_payment_that_stays_open_or_in_the_queue_is_found() {
    assert_eq!(
        found(|world| world.books.queued.push(Uuid::from_u128(1))),
        ["queue"]
    );
    assert_eq!(
        found(|world| world.payment().finality = "latest".to_owned()),
        ["open"]
    );
}

#[test]
fn a_path_that_no_rule_allows_is_found() {
    assert_eq!(found(|world| drop(world.events().remove(1))), ["path"]);
    let unlisted = |world: &mut World| {
        world.events()[1] = event(Some("pending"), "unknown", json!({}));
        world.events()[2].from = Some("unknown".to_owned());
    };
    assert_eq!(found(unlisted), ["path"]);
}

#[test]
fn what_was_written_under_an_older_lease_is_found() {
    assert_eq!(
        found(|world| world.events()[2].evidence["lease_token"] = json!(4)),
        ["lease"]
    );
}

#[test]
fn an_end_without_evidence_is_found() {
    assert_eq!(
        found(|world| world.events()[2].evidence = json!({})),
        ["evidence"]
    );
}
