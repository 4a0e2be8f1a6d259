use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use insforge_protocol::ledger::Status;
use insforge_protocol::x402::{Payment, Requirements};
use tokio::time::{Instant, sleep};

use super::fake_facilitator::{Act, FakeFacilitator};
use super::{Limits, NOW, SECOND, Settler, WIDE, with};
use crate::settle::{Report, Witness};

#[tokio::test(start_paused = true)]
async fn a_ring_settles_a_payment_at_once_and_the_intent_comes_first() {
    let settler = Settler::start(with(0), Arc::default(), WIDE);
    settler
        .ledger
        .until("the first look is over", |books| books.statements.len() >= 2)
        .await;
    sleep(SECOND).await;
    let before = Instant::now();
    let id = settler.ledger.add(1, NOW);
    settler.bell.ring();
    settler.all_settled().await;
    assert_eq!(
        settler.facilitator.calls.lock().unwrap()[0],
        (before, id),
        "called without any delay"
    );
    let statements = settler.ledger.books().statements.clone();
    let begun: Vec<_> = statements
        .iter()
        .filter(|s| ["claim to settle", "claim", "begin", "finish"].contains(s))
        .collect();
    assert_eq!(
        begun[begun.len() - 2..],
        [&"claim to settle", &"finish"],
        "the intent comes with the claim"
    );
    assert!(settler.metric("x402_wakeups_total{reason=\"doorbell\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_rang_nobody_is_found_by_the_second_look() {
    let settler = Settler::start(with(0), Arc::default(), WIDE);
    sleep(SECOND).await;
    settler.bell.ring();
    sleep(Duration::from_millis(10)).await;
    let added = Instant::now();
    settler.ledger.add(1, NOW);
    settler.all_settled().await;
    assert!(settler.facilitator.calls.lock().unwrap()[0].0 - added <= Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_drained_without_waiting_for_polls() {
    let limits = Limits {
        concurrency: 10,
        batch: 4,
        ..WIDE
    };
    let settler = Settler::start(with(500), Arc::default(), limits);
    let started = Instant::now();
    settler.all_settled().await;
    assert!(started.elapsed() < SECOND, "took {:?}", started.elapsed());
    assert_eq!(settler.facilitator.called(), 500);
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_the_ledger_left_to_the_worker_is_recorded_before_the_call() {
    let ledger = with(1);
    ledger.books().unproven = true;
    let settler = Settler::start(ledger, Arc::default(), WIDE);
    settler.all_settled().await;
    let statements = settler.ledger.books().statements.clone();
    let place = |name| statements.iter().rposition(|s| *s == name).unwrap();
    assert!(
        place("claim to settle") < place("begin") && place("begin") < place("finish"),
        "{statements:?}"
    );
}

/// Objects to every token.
struct Objector;

impl Witness for Objector {
    fn examine<'a>(&'a self, _: &'a Payment, _: &'a Requirements, report: Report) -> BoxFuture<'a, Report> {
        Box::pin(std::future::ready(report))
    }

    fn objection(&self, _: &Requirements) -> Option<&'static str> {
        Some("its domain is another")
    }

    fn objects(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn no_intent_is_recorded_while_the_chain_objects_to_the_token() {
    let settler = Settler::watched(with(3), Arc::default(), WIDE, Arc::new(Objector));
    sleep(30 * SECOND).await;
    let statements = settler.ledger.books().statements.clone();
    assert!(statements.contains(&"claim"), "{statements:?}");
    let intents = statements
        .iter()
        .filter(|s| ["claim to settle", "begin"].contains(s));
    assert_eq!(intents.count(), 0, "{statements:?}");
    assert_eq!(settler.facilitator.called(), 0);
}

#[tokio::test(start_paused = true)]
async fn payments_that_come_while_intents_are_committed_share_the_next_intent() {
    let settler = Settler::start(with(0), Arc::default(), WIDE);
    sleep(SECOND).await;
    settler.ledger.books().latency = Duration::from_millis(20);
    let before = settler.ledger.count("claim to settle");
    for n in 1..=100 {
        settler.ledger.add(n, NOW);
        settler.bell.ring();
        sleep(Duration::from_millis(1)).await;
    }
    settler.all_settled().await;
    let intents = settler.ledger.count("claim to settle") - before;
    assert!(intents <= 7, "{intents} intents for 100 payments in 100 ms");
}

#[tokio::test(start_paused = true)]
async fn no_more_payments_are_in_flight_than_there_are_slots() {
    let facilitator = FakeFacilitator::scripted([Act::Hang; 100]);
    let settler = Settler::start(
        with(50),
        facilitator,
        Limits {
            concurrency: 7,
            ..WIDE
        },
    );
    sleep(30 * SECOND).await;
    assert_eq!(settler.facilitator.called(), 7);
    let claimed = settler
        .ledger
        .books()
        .rows
        .values()
        .filter(|row| row.attempt > 0)
        .count();
    assert_eq!(claimed, 7, "nothing is claimed that cannot be started");
}

#[tokio::test(start_paused = true)]
async fn the_rate_limit_bounds_calls_and_claims() {
    let settler = Settler::start(
        with(10),
        Arc::default(),
        Limits {
            rate: 1.0,
            burst: 3,
            ..WIDE
        },
    );
    let started = Instant::now();
    settler.all_settled().await;
    // One token of the first three goes to the probe.
    let seconds: Vec<u64> = settler
        .facilitator
        .calls
        .lock()
        .unwrap()
        .iter()
        .map(|(at, _)| (*at - started).as_secs())
        .collect();
    assert!(seconds.iter().filter(|s| **s == 0).count() <= 3, "{seconds:?}");
    assert!((7..=9).contains(seconds.last().unwrap()), "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_asks_the_database_less_than_once_in_five_seconds() {
    let settler = Settler::start(with(0), Arc::default(), WIDE);
    sleep(SECOND).await;
    settler.ledger.books().statements.clear();
    sleep(600 * SECOND).await;
    let asked = settler.ledger.books().statements.len();
    assert!(asked <= 120, "{asked} statements in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_under_a_limit_asks_no_more_than_one_without() {
    let limits = Limits {
        rate: 1.0,
        burst: 3,
        ..WIDE
    };
    let settler = Settler::start(with(0), Arc::default(), limits);
    sleep(SECOND).await;
    settler.ledger.books().statements.clear();
    sleep(600 * SECOND).await;
    let asked = settler.ledger.books().statements.len();
    assert!(asked <= 120, "{asked} statements in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn under_a_limit_no_request_is_taken_that_no_payment_needs() {
    let limits = Limits {
        rate: 0.001,
        burst: 5,
        ..WIDE
    };
    let settler = Settler::start(with(0), Arc::default(), limits);
    sleep(SECOND).await;
    for n in 1..=4 {
        settler.ledger.add(n, NOW);
        settler.bell.ring();
        sleep(SECOND).await;
    }
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 4, "the fifth went to the probe");
}

#[tokio::test(start_paused = true)]
async fn without_a_listener_payments_are_found_by_polling() {
    let settler = Settler::start(with(0), Arc::default(), WIDE);
    settler.bell.set_listening(false);
    sleep(SECOND).await;
    let added = Instant::now();
    settler.ledger.add(1, NOW);
    settler.all_settled().await;
    assert!(settler.facilitator.calls.lock().unwrap()[0].0 - added <= Duration::from_millis(250));
}

#[tokio::test(start_paused = true)]
async fn when_the_listener_comes_back_the_queue_is_scanned_at_once() {
    let settler = Settler::start(with(0), Arc::default(), WIDE);
    sleep(SECOND).await;
    settler.ledger.add(1, NOW);
    settler.bell.set_listening(false);
    settler.bell.set_listening(true);
    let before = Instant::now();
    settler.all_settled().await;
    assert!(settler.facilitator.calls.lock().unwrap()[0].0 - before < Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn a_payment_due_later_is_taken_when_it_is_due() {
    let ledger = with(0);
    ledger.add(1, 3 * SECOND);
    let started = Instant::now();
    let settler = Settler::start(ledger, Arc::default(), WIDE);
    settler.all_settled().await;
    let waited = settler.facilitator.calls.lock().unwrap()[0].0 - started;
    assert!(
        waited >= 3 * SECOND && waited < Duration::from_millis(3100),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_facilitator_delays_and_fails_nothing() {
    let facilitator = FakeFacilitator::scripted([Act::Unreachable; 3]);
    let settler = Settler::start(with(1), facilitator, WIDE);
    settler.all_settled().await;
    assert_eq!(settler.facilitator.called(), 4);
    assert!(settler.health.facilitator.is_up());
}

#[tokio::test(start_paused = true)]
async fn a_refused_payment_is_closed_by_one_call() {
    let settler = Settler::start(with(1), FakeFacilitator::scripted([Act::Refuse]), WIDE);
    settler
        .ledger
        .until("it failed", |b| {
            b.rows.values().all(|row| row.status == Status::Failed)
        })
        .await;
    sleep(60 * SECOND).await;
    assert_eq!(settler.facilitator.called(), 1);
    assert!(settler.metric("x402_settle_calls_total{outcome=\"refused\"} 1"));
    assert!(settler.metric("x402_outcomes_recorded_total{status=\"failed\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_answer_holds_all_payments_for_as_long_as_it_asks() {
    let facilitator = FakeFacilitator::scripted([Act::Limited(5 * SECOND)]);
    let settler = Settler::start(with(1), facilitator, WIDE);
    sleep(SECOND).await;
    settler.ledger.add(2, NOW);
    settler.bell.ring();
    settler.all_settled().await;
    let calls = settler.facilitator.calls.lock().unwrap().clone();
    assert!(calls[1].0 - calls[0].0 >= 5 * SECOND, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_pause_the_settler_until_a_probe_succeeds() {
    let settler = Settler::start(with(1), FakeFacilitator::scripted([Act::BadKey]), WIDE);
    sleep(SECOND).await;
    settler.ledger.add(2, NOW);
    settler.bell.ring();
    sleep(120 * SECOND).await;
    assert_eq!(
        settler.facilitator.called(),
        1,
        "no payment is tried with a bad key"
    );
    assert!(settler.gate.shut_by().is_some());
    assert_eq!(settler.health.facilitator.fault().as_deref(), Some("bad key"));
    *settler.facilitator.refuses_us.lock().unwrap() = false;
    settler.all_settled().await;
    assert!(settler.health.facilitator.is_up());
}
