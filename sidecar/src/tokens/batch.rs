use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::registrar::{Exchanged, Recorded, Registrar, RegistrarError};
use crate::tasks::TaskGroup;

/// Most tokens recorded by one statement.
const BATCH: usize = 200;
/// Statements at once: while one is under way, the next gathers what comes meanwhile.
const WRITERS: usize = 2;

type Reply = oneshot::Sender<Result<Recorded, RegistrarError>>;

/// Records tokens, many in one statement when many come at once. An answer waits for the commit.
pub struct Batcher {
    shared: Arc<Shared>,
    tasks: TaskGroup,
}

struct Shared {
    registrar: Arc<dyn Registrar>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(Exchanged, Reply)>,
    writers: usize,
}

impl Batcher {
    /// A batcher over the database; statements run as tasks of the group, so that a client that goes away
    /// does not take other clients' answers along.
    pub fn new(registrar: Arc<dyn Registrar>, tasks: TaskGroup) -> Batcher {
        Batcher {
            shared: Arc::new(Shared {
                registrar,
                queue: Mutex::default(),
            }),
            tasks,
        }
    }

    /// Records one token.
    ///
    /// # Errors
    /// [`RegistrarError`].
    pub async fn record(&self, exchanged: Exchanged) -> Result<Recorded, RegistrarError> {
        let (reply, answer) = oneshot::channel();
        if self.shared.enqueue(exchanged, reply) {
            let writer = Writer {
                shared: self.shared.clone(),
                is_counted: true,
            };
            self.tasks.spawn("record exchanges", writer.run());
        }
        let gone = |_| RegistrarError::Unavailable("the sidecar is stopping".to_owned());
        answer.await.map_err(gone).flatten()
    }
}

impl Shared {
    /// Whether a writer must be started for it: otherwise one that is at work takes it along.
    fn enqueue(&self, exchanged: Exchanged, reply: Reply) -> bool {
        let mut queue = self.queue();
        queue.waiting.push((exchanged, reply));
        let start = queue.writers < WRITERS;
        queue.writers += usize::from(start);
        start
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One task that writes. It is counted until it has found nothing more to write, or has died.
struct Writer {
    shared: Arc<Shared>,
    is_counted: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.is_counted {
            self.shared.queue().writers -= 1;
        }
    }
}

impl Writer {
    /// Works until nothing waits.
    async fn run(mut self) {
        while let Some(batch) = self.next() {
            let (exchanges, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            for (reply, answer) in replies.into_iter().zip(self.write(&exchanges).await) {
                // Nobody may be waiting any more.
                let _ = reply.send(answer);
            }
        }
    }

    /// What waits. That nothing does, and that this task no longer counts, is one step: what comes after
    /// it starts another.
    fn next(&mut self) -> Option<Vec<(Exchanged, Reply)>> {
        let mut queue = self.shared.queue();
        let count = queue.waiting.len().min(BATCH);
        if count == 0 {
            queue.writers -= 1;
            self.is_counted = false;
            return None;
        }
        Some(queue.waiting.drain(..count).collect())
    }

    /// One answer for each. Values that the database refuses spoil their own answer only.
    async fn write(&self, exchanges: &[Exchanged]) -> Vec<Result<Recorded, RegistrarError>> {
        let registrar = &self.shared.registrar;
        match registrar.record(exchanges).await {
            Ok(recorded) => recorded.into_iter().map(Ok).collect(),
            Err(RegistrarError::Refused(_)) if exchanges.len() > 1 => {
                let mut answers = Vec::new();
                for one in exchanges {
                    let answer = registrar.record(std::slice::from_ref(one)).await;
                    answers.push(answer.and_then(first));
                }
                answers
            }
            Err(error) => vec![Err(error); exchanges.len()],
        }
    }
}

fn first(recorded: Vec<Recorded>) -> Result<Recorded, RegistrarError> {
    recorded
        .into_iter()
        .next()
        .ok_or_else(|| RegistrarError::Unavailable("the database gave no answer".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tokens::testing::{FakeRegistrar, exchanged};

    /// Asks for these users while both writers are held up by other tokens, then lets go; the answers.
    async fn ask_at_once(
        registrar: &Arc<FakeRegistrar>,
        users: &[String],
    ) -> Vec<Result<Recorded, RegistrarError>> {
        let batcher = Arc::new(Batcher::new(registrar.clone(), TaskGroup::default()));
        let ask = |user: String| {
            let batcher = batcher.clone();
            tokio::spawn(async move { batcher.record(exchanged(&user)).await })
        };
        let held = registrar.hold().await;
        for writer in 1..=WRITERS {
            ask(format!("first-{writer}"));
            registrar.began(writer).await;
        }
        let asked: Vec<_> = users.iter().cloned().map(ask).collect();
        while batcher.shared.queue().waiting.len() < users.len() {
            tokio::task::yield_now().await;
        }
        drop(held);
        let mut answers = Vec::new();
        for answer in asked {
            answers.push(answer.await.unwrap());
        }
        answers
    }

    #[tokio::test]
    async fn what_comes_during_a_statement_goes_with_the_next_one() {
        let registrar = Arc::new(FakeRegistrar::default());
        let users: Vec<_> = (0..50).map(|n| format!("user-{n}")).collect();
        let answers = ask_at_once(&registrar, &users).await;
        assert!(answers.iter().all(|answer| *answer == Ok(Recorded::Recorded)));
        let mut sizes = registrar.batches();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 50]);
    }

    #[tokio::test]
    async fn a_refused_value_spoils_only_its_own_answer() {
        let registrar = Arc::new(FakeRegistrar::default());
        let users = ["a", "b", "bad", "c", "revoked"].map(str::to_owned);
        let answers = ask_at_once(&registrar, &users).await;
        assert!(matches!(answers[2], Err(RegistrarError::Refused(_))));
        assert_eq!(answers[4], Ok(Recorded::Revoked));
        assert!(
            [0, 1, 3].iter().all(|n| answers[*n] == Ok(Recorded::Recorded)),
            "{answers:?}"
        );
    }

    #[tokio::test]
    async fn an_outage_is_everybodys_answer_and_the_next_token_is_recorded_again() {
        let registrar = Arc::new(FakeRegistrar::default());
        let batcher = Batcher::new(registrar.clone(), TaskGroup::default());
        registrar.break_down(true);
        let answer = batcher.record(exchanged("a")).await;
        assert!(
            matches!(answer, Err(RegistrarError::Unavailable(_))),
            "{answer:?}"
        );
        registrar.break_down(false);
        let again = tokio::time::timeout(Duration::from_secs(5), batcher.record(exchanged("a"))).await;
        assert_eq!(again.unwrap(), Ok(Recorded::Recorded));
    }
}
