use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::registrar::{Exchanged, Recorded, Registrar, RegistrarError};
use crate::batch::{Batcher, Round, Size};
use crate::tasks::TaskGroup;

/// Statements at once: while one is under way, the next gathers what comes meanwhile.
const WRITERS: usize = 2;
/// Most tokens recorded by one statement.
const SIZE: Size = Size {
    pieces: 200,
    rounds: WRITERS,
};

/// Records tokens, many in one statement when many come at once. An answer waits for the commit.
pub struct Records(Batcher<Recording>);

struct Recording(Arc<dyn Registrar>);

impl Records {
    /// Records in the database, by tasks of the group.
    pub fn new(registrar: Arc<dyn Registrar>, tasks: TaskGroup) -> Records {
        Records(Batcher::new(Recording(registrar), SIZE, tasks))
    }

    /// Records one token.
    ///
    /// # Errors
    /// [`RegistrarError`].
    pub async fn record(&self, exchanged: Exchanged) -> Result<Recorded, RegistrarError> {
        let gone = || RegistrarError::Unavailable("the sidecar is stopping".to_owned());
        self.0.ask(exchanged).await.unwrap_or_else(|| Err(gone()))
    }
}

impl Recording {
    /// Values that the database refuses spoil their own answer only.
    async fn write(&self, exchanges: &[Exchanged]) -> Vec<Result<Recorded, RegistrarError>> {
        match self.0.record(exchanges).await {
            Ok(recorded) => recorded.into_iter().map(Ok).collect(),
            Err(RegistrarError::Refused(_)) if exchanges.len() > 1 => {
                let mut answers = Vec::new();
                for one in exchanges {
                    let answer = self.0.record(std::slice::from_ref(one)).await;
                    answers.push(answer.and_then(first));
                }
                answers
            }
            Err(error) => vec![Err(error); exchanges.len()],
        }
    }
}

impl Round for Recording {
    type Piece = Exchanged;
    type Answer = Result<Recorded, RegistrarError>;

    fn run(&self, exchanges: Vec<Exchanged>) -> BoxFuture<'_, Vec<Self::Answer>> {
        async move { self.write(&exchanges).await }.boxed()
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
        let records = Arc::new(Records::new(registrar.clone(), TaskGroup::default()));
        let ask = |user: String| {
            let records = records.clone();
            tokio::spawn(async move { records.record(exchanged(&user)).await })
        };
        let held = registrar.hold().await;
        for writer in 1..=WRITERS {
            ask(format!("first-{writer}"));
            registrar.began(writer).await;
        }
        let asked: Vec<_> = users.iter().cloned().map(ask).collect();
        while records.0.waiting() < users.len() {
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
        let records = Records::new(registrar.clone(), TaskGroup::default());
        registrar.break_down(true);
        let answer = records.record(exchanged("a")).await;
        assert!(
            matches!(answer, Err(RegistrarError::Unavailable(_))),
            "{answer:?}"
        );
        registrar.break_down(false);
        let again = tokio::time::timeout(Duration::from_secs(5), records.record(exchanged("a"))).await;
        assert_eq!(again.unwrap(), Ok(Recorded::Recorded));
    }
}
