//! The reconciler as a service.

use super::*;
use crate::outlook::Outlook;
use crate::tasks::TaskGroup;

#[tokio::test(start_paused = true)]
async fn an_open_payment_is_looked_at_again_and_again_until_it_is_closed() {
    let ledger = OneRow::new(Status::Unknown, None, 900);
    let bench = Bench::new(ledger.clone(), FakeCourier::default(), &[]).await;
    let reconciler = Arc::new(Reconciler::new(bench.parts, Arc::default(), TaskGroup::default()));
    let service = Service::of("reconciler", CancellationToken::new(), reconciler);
    service.start().await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let claims = ledger.row().claims;
    assert!((8..16).contains(&claims), "once in five minutes: {claims}");
    service.stop().await;
    bench.recorder.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_reads_as_due_is_claimed_without_a_poll_of_our_own() {
    let ledger = OneRow::new(Status::Unknown, None, 900);
    ledger.row().due += Duration::from_secs(100);
    let bench = Bench::new(ledger.clone(), FakeCourier::default(), &[]).await;
    let outlook = Arc::new(Outlook::default());
    let reconciler = Arc::new(Reconciler::new(
        bench.parts,
        outlook.clone(),
        TaskGroup::default(),
    ));
    let service = Service::of("reconciler", CancellationToken::new(), reconciler);
    service.start().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    ledger.row().due = tokio::time::Instant::now();
    outlook.publish(Some(Duration::ZERO));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ledger.row().claims, 1);
    service.stop().await;
    bench.recorder.stop().await;
}
