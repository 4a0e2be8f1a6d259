//! Payments that are sold in this process and sent at once.

use insforge_protocol::ledger::Status;
use tokio::time::Instant;

use super::fake_facilitator::FakeFacilitator;
use super::{Limits, SECOND, Settler, WIDE, with};
use crate::selling::{Begun, Settler as _};
use crate::settle::fixture;
use crate::worker::Direct;

/// A payment that was just sold with its intent.
fn sold(settler: &Settler) -> Begun {
    let (id, token) = settler.ledger.add_begun(1);
    let claim = fixture::claim();
    Begun {
        id,
        token,
        payment: claim.payment,
        requirements: claim.requirements,
        at_unix: fixture::NOW,
        at: Instant::now(),
    }
}

/// Sells a payment and sends it at once.
fn sell(settler: &Settler) {
    let seat = Direct(settler.core.clone()).seats(1).pop().unwrap();
    seat.begin(sold(settler));
}

fn seats(settler: &Settler, most: usize) -> usize {
    Direct(settler.core.clone()).seats(most).len()
}

fn idle(limits: Limits) -> Settler {
    Settler::start(with(0), FakeFacilitator::scripted([]), limits)
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_began_with_its_sale_is_sent_once_and_neither_claimed_nor_begun_again() {
    let settler = idle(WIDE);
    sell(&settler);
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 1);
    assert_eq!(settler.ledger.count("begin"), 0);
    assert_eq!(settler.ledger.count("finish"), 1);
    settler.bell.ring();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(settler.facilitator.called(), 1);
}

#[tokio::test(start_paused = true)]
async fn its_lease_is_prolonged_for_as_long_as_its_call_takes() {
    let settler = idle(WIDE);
    *settler.facilitator.latency.lock().unwrap() = 60 * SECOND;
    sell(&settler);
    tokio::time::sleep(50 * SECOND).await;
    assert!(settler.ledger.count("extend") > 5);
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 1);
}

#[tokio::test(start_paused = true)]
async fn there_are_as_many_seats_as_payments_may_be_in_flight_and_one_that_is_not_used_is_free_again() {
    let settler = idle(Limits {
        concurrency: 3,
        ..WIDE
    });
    let direct = Direct(settler.core.clone());
    let taken = direct.seats(10);
    assert_eq!((taken.len(), seats(&settler, 10)), (3, 0));
    drop(taken);
    assert_eq!(seats(&settler, 2), 2);
}

#[tokio::test(start_paused = true)]
async fn there_is_no_seat_while_payments_have_to_wait() {
    let limited = idle(Limits { rate: 5.0, ..WIDE });
    assert_eq!(seats(&limited, 1), 0, "requests are limited");
    let settler = idle(WIDE);
    settler.limiter.pause(SECOND).await;
    assert_eq!(seats(&settler, 1), 0, "the facilitator asked for a pause");
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(seats(&settler, 1), 1);
    settler.gate.close(&"a wrong key");
    assert_eq!(seats(&settler, 1), 0, "the facilitator refuses us");
    let settler = idle(WIDE);
    settler.core.drain();
    assert_eq!(seats(&settler, 1), 0, "the process stops");
}

#[tokio::test(start_paused = true)]
async fn one_whose_lease_ran_out_before_it_could_be_sent_is_not_sent() {
    let settler = idle(WIDE);
    let seat = Direct(settler.core.clone()).seats(1).pop().unwrap();
    let begun = sold(&settler);
    let id = begun.id;
    tokio::time::advance(9 * SECOND).await;
    settler.ledger.take_over(id);
    seat.begin(begun);
    tokio::time::sleep(SECOND).await;
    assert_eq!(settler.facilitator.called(), 0);
    let books = settler.ledger.books();
    assert_eq!(books.rows[&id].status, Status::Settling, "it is another worker's");
}
