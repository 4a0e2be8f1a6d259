use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::ledger::Status;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::metrics::Metrics;
use crate::selling::{Change, Outcomes};
use crate::settle::{Ledger, LedgerError, Recorded, Report, backoff};
use crate::tasks::Part;

/// First delay before an outcome is written again.
const RETRY_BASE: Duration = Duration::from_millis(50);
/// Longest such delay. Short: outcomes are the one thing that must not be lost.
const RETRY_CAP: Duration = Duration::from_secs(1);

/// What became of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is in the ledger; the payment has this status now.
    Applied(String),
    /// The lease was lost: nothing was changed. With `retried`, an earlier try whose answer was lost may
    /// have been applied.
    Stale {
        /// Status of the payment now.
        status: String,
        /// Whether it was written more than once.
        retried: bool,
    },
    /// The database refuses this outcome, and would again.
    Refused(String),
    /// The recorder stopped before it could be written. The payment stays `settling`; the sweep finds it.
    Abandoned,
}

struct Item {
    report: Report,
    reply: oneshot::Sender<Written>,
}

/// Writes outcomes, many in one commit. It never waits for a batch to fill: what comes in while one is
/// being written goes into the next, so batches grow with load and a lone outcome is written at once.
/// Back-pressure is natural: whoever waits for an outcome to be written holds its slot.
pub struct Recorder {
    ledger: Arc<dyn Ledger>,
    metrics: Arc<Metrics>,
    batch: usize,
    /// Those of this process who wait for a payment are told at once; others hear the database.
    outcomes: Option<Arc<Outcomes>>,
    sender: mpsc::UnboundedSender<Item>,
    receiver: Mutex<mpsc::UnboundedReceiver<Item>>,
}

impl Recorder {
    /// Writes up to `batch` outcomes in one commit.
    pub fn new(ledger: Arc<dyn Ledger>, metrics: Arc<Metrics>, batch: usize) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            ledger,
            metrics,
            batch,
            outcomes: None,
            sender,
            receiver: Mutex::new(receiver),
        }
    }

    /// Tells those who wait for a payment in this process once it is settled.
    #[must_use]
    pub fn telling(mut self, outcomes: Arc<Outcomes>) -> Self {
        self.outcomes = Some(outcomes);
        self
    }

    /// Tells what was written. Only what the row says as well: a hash that is not here is there.
    fn tell(&self, batch: &[Item], rows: &[Recorded]) {
        let Some(outcomes) = &self.outcomes else { return };
        for row in rows
            .iter()
            .filter(|row| row.applied && row.status == Status::Settled.as_str())
        {
            let item = batch.iter().find(|item| item.report.id == row.id);
            if let Some(hash) = item.and_then(|item| item.report.tx_hash.as_ref()) {
                outcomes.publish(Change {
                    id: row.id,
                    status: Status::Settled,
                    tx_hash: Some(hash.to_ascii_lowercase()),
                    is_ours: true,
                });
            }
        }
    }

    /// Hands an outcome over and waits until it is written.
    pub async fn write(&self, report: Report) -> Written {
        let (reply, written) = oneshot::channel();
        if self.sender.send(Item { report, reply }).is_err() {
            return Written::Abandoned;
        }
        written.await.unwrap_or(Written::Abandoned)
    }

    async fn write_batch(&self, batch: Vec<Item>, stop: &CancellationToken) {
        let reports: Vec<Report> = batch.iter().map(|item| item.report.clone()).collect();
        let mut tries = 0;
        loop {
            match self.ledger.finish(&reports).await {
                Ok(rows) => {
                    self.tell(&batch, &rows);
                    return reply_all(batch, &rows, tries > 0);
                }
                Err(LedgerError::Refused(why)) if batch.len() == 1 => return refuse(batch, &why),
                Err(LedgerError::Refused(why)) => {
                    // One bad outcome must not hold up the others.
                    debug!(
                        why,
                        outcomes = batch.len(),
                        "a batch was refused; writing one by one"
                    );
                    for item in batch {
                        Box::pin(self.write_batch(vec![item], stop)).await;
                    }
                    return;
                }
                Err(LedgerError::Unavailable(why)) => {
                    let delay = backoff::full_jitter(tries, RETRY_BASE, RETRY_CAP, rand::random());
                    tries += 1;
                    if stop.run_until_cancelled(sleep(delay)).await.is_none() {
                        return abandon(batch, &why);
                    }
                }
            }
        }
    }
}

impl Part for Recorder {
    /// Writes until stopped; what was handed over before the stop is tried once more, then given up.
    async fn run(&self, stop: CancellationToken) {
        let mut receiver = self.receiver.lock().await;
        let mut queue = VecDeque::new();
        loop {
            while let Ok(item) = receiver.try_recv() {
                queue.push_back(item);
            }
            if queue.is_empty() {
                tokio::select! {
                    biased;
                    Some(item) = receiver.recv() => queue.push_back(item),
                    () = stop.cancelled() => return,
                }
                // Whoever became ready together with it is let in.
                tokio::task::yield_now().await;
                continue;
            }
            let batch = next_batch(&mut queue, self.batch);
            self.metrics.finish_batch.observe(batch.len() as f64);
            self.write_batch(batch, &stop).await;
        }
    }
}

/// The next outcomes to be written together. The database answers by payment, so a payment that comes
/// twice (a lost attempt and its successor) goes into two batches.
fn next_batch(queue: &mut VecDeque<Item>, limit: usize) -> Vec<Item> {
    let mut ids = HashSet::new();
    let count = queue
        .iter()
        .take(limit)
        .take_while(|item| ids.insert(item.report.id))
        .count();
    queue.drain(..count).collect()
}

fn reply_all(batch: Vec<Item>, rows: &[Recorded], retried: bool) {
    for item in batch {
        let written = match rows.iter().find(|row| row.id == item.report.id) {
            Some(row) if row.applied => Written::Applied(row.status.clone()),
            Some(row) => Written::Stale {
                status: row.status.clone(),
                retried,
            },
            None => Written::Stale {
                status: "missing".to_owned(),
                retried,
            },
        };
        // Nobody waits any more when the attempt was aborted; the outcome is written all the same.
        let _ = item.reply.send(written);
    }
}

fn refuse(batch: Vec<Item>, why: &str) {
    for item in batch {
        error!(
            payment = %item.report.id, outcome = item.report.outcome, tx_hash = item.report.tx_hash, why,
            "the database refuses an outcome; the payment stays as it is until somebody looks"
        );
        let _ = item.reply.send(Written::Refused(why.to_owned()));
    }
}

/// The log is the last place where the outcome can be kept.
fn abandon(batch: Vec<Item>, why: &str) {
    for item in batch {
        error!(
            payment = %item.report.id, outcome = item.report.outcome, tx_hash = item.report.tx_hash, why,
            "stopped before an outcome could be recorded; another worker will resolve the payment"
        );
        let _ = item.reply.send(Written::Abandoned);
    }
}
