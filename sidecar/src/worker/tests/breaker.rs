use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fake_facilitator::{Act, FakeFacilitator};
use super::{NOW, SECOND, Settler, WIDE, with};

/// Calls that came in each round, where rounds are at least a quarter of a second apart.
fn rounds(settler: &Settler) -> Vec<usize> {
    let mut rounds: Vec<usize> = Vec::new();
    let mut last: Option<Instant> = None;
    for (at, _) in settler.facilitator.calls.lock().unwrap().iter() {
        match (last, rounds.last_mut()) {
            (Some(last), Some(round)) if *at - last < SECOND / 4 => *round += 1,
            _ => rounds.push(1),
        }
        last = Some(*at);
    }
    rounds
}

#[tokio::test(start_paused = true)]
async fn a_facilitator_that_breaks_every_call_is_left_alone_and_tried_with_one_payment_at_a_time() {
    let settler = Settler::start(with(50), FakeFacilitator::scripted([Act::Break; 54]), WIDE);
    settler.all_settled().await;
    let rounds = rounds(&settler);
    assert_eq!(rounds[0], 50, "what was in flight when it broke");
    assert_eq!(
        rounds[1..5],
        [1, 1, 1, 1],
        "single trials until one succeeds: {rounds:?}"
    );
    assert!(settler.metric("x402_breaker_state{state=\"open\"} 1"));
    assert!(settler.health.facilitator.is_up());
}

#[tokio::test(start_paused = true)]
async fn while_it_is_broken_payments_stay_pending_and_readiness_is_red() {
    let settler = Settler::start(with(5), FakeFacilitator::scripted([Act::Break; 1000]), WIDE);
    *settler.facilitator.silent.lock().unwrap() = true;
    sleep(2 * SECOND).await;
    for n in 6..100 {
        settler.ledger.add(n, NOW);
    }
    settler.bell.ring();
    sleep(60 * SECOND).await;
    assert_eq!(
        settler.facilitator.called(),
        5,
        "nobody makes more payments unknown"
    );
    assert!(settler.health.facilitator.fault().is_some());
    assert!(settler.metric("x402_breaker_state{state=\"shut\"} 1"));
    *settler.facilitator.silent.lock().unwrap() = false;
    settler.facilitator.script.lock().unwrap().clear();
    settler.all_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_the_facilitator_chokes_on_does_not_hold_up_the_others() {
    let settler = Settler::start(with(1), FakeFacilitator::scripted([Act::Break; 40]), WIDE);
    sleep(120 * SECOND).await;
    assert!(settler.gate.is_open());
    settler.facilitator.script.lock().unwrap().clear();
    settler.ledger.add(2, NOW);
    settler.bell.ring();
    settler.all_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_ask_but_not_settle_is_tried_with_one_payment_and_ever_more_rarely() {
    let settler = Settler::start(
        with(50),
        FakeFacilitator::scripted([Act::NoPermission; 1000]),
        WIDE,
    );
    sleep(5 * SECOND).await;
    let first = settler.facilitator.called();
    sleep(3600 * SECOND).await;
    let tried = settler.facilitator.called() - first;
    assert!((10..=130).contains(&tried), "{tried} tries in an hour");
    assert!(rounds(&settler)[1..].iter().all(|round| *round == 1));
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_meets_a_rate_limit_is_repeated_after_the_pause() {
    let settler = Settler::start(
        with(1),
        FakeFacilitator::scripted([Act::BadKey, Act::Limited(3 * SECOND)]),
        WIDE,
    );
    sleep(SECOND).await;
    *settler.facilitator.refuses_us.lock().unwrap() = false;
    settler.all_settled().await;
    let calls = settler.facilitator.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 3);
    assert!(calls[2].0 - calls[1].0 >= 3 * SECOND, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_it_is_shut_ends_at_once() {
    let settler = Settler::start(with(5), FakeFacilitator::scripted([Act::BadKey; 5]), WIDE);
    sleep(2 * SECOND).await;
    let before = Instant::now();
    assert_eq!(settler.stop(25 * SECOND).await, 0);
    assert!(before.elapsed() < Duration::from_millis(100));
}
