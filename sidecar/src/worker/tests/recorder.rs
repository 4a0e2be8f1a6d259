use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use tokio::time::{advance, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::fake::FakeLedger;
use super::{Recorder, SECOND, Written, with};
use crate::selling::Outcomes;
use crate::settle::{Lease, Ledger, Report};
use crate::tasks::Part;

fn report(n: u128) -> Report {
    Report::new(
        Lease {
            id: Uuid::from_u128(n),
            token: 1,
        },
        "settled",
    )
}

/// A recorder over a ledger in which payments 1 to `count` are claimed.
async fn recorder(count: u128) -> (Arc<FakeLedger>, Arc<Recorder>, CancellationToken) {
    let ledger = with(count);
    ledger.claim(count as usize, false).await.unwrap();
    let recorder = Arc::new(Recorder::new(ledger.clone(), Arc::default(), 100));
    let stop = CancellationToken::new();
    let (running, stopping) = (recorder.clone(), stop.clone());
    tokio::spawn(async move { running.run(stopping).await });
    (ledger, recorder, stop)
}

async fn write_all(recorder: &Recorder, count: u128) -> Vec<Written> {
    let reports = (1..=count).map(|n| Report {
        lease_token: n as i64,
        ..report(n)
    });
    futures_util::future::join_all(reports.map(|report| recorder.write(report))).await
}

#[tokio::test]
async fn those_who_wait_here_hear_of_a_settlement_when_it_is_written() {
    let ledger = with(2);
    ledger.claim(2, false).await.unwrap();
    let outcomes = Arc::<Outcomes>::default();
    let recorder = Recorder::new(ledger, Arc::default(), 100).telling(outcomes.clone());
    let recorder = Arc::new(recorder);
    let running = recorder.clone();
    tokio::spawn(async move { running.run(CancellationToken::new()).await });
    let mut ticket = outcomes.wait_for(Uuid::from_u128(1));
    recorder
        .write(Report {
            tx_hash: Some("0xAB".to_owned()),
            ..report(1)
        })
        .await;
    let heard = tokio::time::timeout(10 * SECOND, ticket.changed()).await.unwrap();
    assert_eq!(
        (heard.status, heard.tx_hash.as_deref()),
        (Status::Settled, Some("0xab"))
    );
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_come_while_one_is_written_share_the_next_commit() {
    let (ledger, recorder, _stop) = recorder(20).await;
    ledger.books().latency = Duration::from_millis(5);
    let first = recorder.write(Report {
        lease_token: 20,
        ..report(20)
    });
    let others = async {
        sleep(Duration::from_millis(1)).await;
        write_all(&recorder, 19).await
    };
    let (first, others) = tokio::join!(first, others);
    assert!(
        others
            .iter()
            .chain([&first])
            .all(|w| *w == Written::Applied("settled".to_owned()))
    );
    assert_eq!(ledger.books().batches, [1, 19]);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_written_again_until_the_database_takes_it() {
    let (ledger, recorder, _stop) = recorder(1).await;
    ledger.books().down = true;
    let up = async {
        advance(30 * SECOND).await;
        ledger.books().down = false;
    };
    let (written, ()) = tokio::join!(write_all(&recorder, 1), up);
    assert_eq!(written, [Written::Applied("settled".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn one_outcome_that_is_refused_does_not_hold_up_the_others() {
    let (ledger, recorder, _stop) = recorder(3).await;
    ledger.books().poison = Some(Uuid::from_u128(2));
    let written = write_all(&recorder, 3).await;
    assert_eq!(written[1], Written::Refused("poison".to_owned()));
    assert!(
        [&written[0], &written[2]]
            .into_iter()
            .all(|w| matches!(w, Written::Applied(_)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_comes_twice_is_written_in_two_commits() {
    let (ledger, recorder, _stop) = recorder(1).await;
    let (lost, held) = tokio::join!(
        recorder.write(Report {
            lease_token: 99,
            ..report(1)
        }),
        recorder.write(report(1))
    );
    assert!(matches!(lost, Written::Stale { retried: false, .. }), "{lost:?}");
    assert_eq!(held, Written::Applied("settled".to_owned()));
    assert_eq!(ledger.books().batches, [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_before_a_stop_is_given_up_and_said_so() {
    let (ledger, recorder, stop) = recorder(1).await;
    ledger.books().down = true;
    let stopping = async {
        sleep(10 * SECOND).await;
        stop.cancel();
    };
    let (written, ()) = tokio::join!(write_all(&recorder, 1), stopping);
    assert_eq!(written, [Written::Abandoned]);
}
