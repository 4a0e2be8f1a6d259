//! Work of which many pieces cost little more than one: what comes while a round is under way goes with the next.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::tasks::TaskGroup;

/// The work.
pub trait Round: Send + Sync + 'static {
    /// One piece of it.
    type Piece: Send + 'static;
    /// What comes of it.
    type Answer: Send + 'static;

    /// Does some pieces together; one answer for each, in their order.
    fn run(&self, pieces: Vec<Self::Piece>) -> BoxFuture<'_, Vec<Self::Answer>>;
}

/// Most pieces in a round, and most rounds at once.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Pieces.
    pub pieces: usize,
    /// Rounds.
    pub rounds: usize,
}

/// Gathers pieces. It never waits for more of them: rounds grow with load, and a lone piece is done at once.
pub struct Batcher<R: Round> {
    shared: Arc<Shared<R>>,
    tasks: TaskGroup,
}

struct Shared<R: Round> {
    work: R,
    size: Size,
    queue: Mutex<Queue<R>>,
}

struct Queue<R: Round> {
    waiting: Vec<(R::Piece, oneshot::Sender<R::Answer>)>,
    workers: usize,
}

impl<R: Round> Batcher<R> {
    /// A batcher. Rounds run as tasks of the group, so that a client that goes away does not take other clients'
    /// answers along.
    pub fn new(work: R, size: Size, tasks: TaskGroup) -> Self {
        let queue = Queue {
            waiting: Vec::new(),
            workers: 0,
        };
        Self {
            shared: Arc::new(Shared {
                work,
                size,
                queue: Mutex::new(queue),
            }),
            tasks,
        }
    }

    /// Has one piece done. `None`: the sidecar is stopping, or a round has died; whether it was done is not known.
    pub async fn ask(&self, piece: R::Piece) -> Option<R::Answer> {
        let (reply, answer) = oneshot::channel();
        if self.shared.enqueue(piece, reply) {
            let worker = Worker {
                shared: self.shared.clone(),
                is_counted: true,
            };
            self.tasks.spawn("batch", worker.run());
        }
        answer.await.ok()
    }

    /// Pieces that wait for a round.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.shared.queue().waiting.len()
    }
}

impl<R: Round> Shared<R> {
    /// Whether a worker must be started for it: otherwise one that is at work takes it along.
    fn enqueue(&self, piece: R::Piece, reply: oneshot::Sender<R::Answer>) -> bool {
        let mut queue = self.queue();
        queue.waiting.push((piece, reply));
        let start = queue.workers < self.size.rounds;
        queue.workers += usize::from(start);
        start
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue<R>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One task that works. It is counted until it has found nothing more to do, or has died.
struct Worker<R: Round> {
    shared: Arc<Shared<R>>,
    is_counted: bool,
}

impl<R: Round> Drop for Worker<R> {
    fn drop(&mut self) {
        if self.is_counted {
            let mut queue = self.shared.queue();
            queue.workers -= 1;
            // Nobody is left to do what waits: those who asked must not wait for ever.
            if queue.workers == 0 {
                queue.waiting.clear();
            }
        }
    }
}

impl<R: Round> Worker<R> {
    /// Works until nothing waits.
    async fn run(mut self) {
        loop {
            // Whoever became ready together with the first is let in.
            tokio::task::yield_now().await;
            let Some(round) = self.next() else { return };
            let (pieces, replies): (Vec<_>, Vec<_>) = round.into_iter().unzip();
            for (reply, answer) in replies.into_iter().zip(self.shared.work.run(pieces).await) {
                // Nobody may be waiting any more.
                let _ = reply.send(answer);
            }
        }
    }

    /// What waits. That nothing does, and that this task no longer counts, is one step: what comes after
    /// it starts another.
    fn next(&mut self) -> Option<Vec<(R::Piece, oneshot::Sender<R::Answer>)>> {
        let mut queue = self.shared.queue();
        let count = queue.waiting.len().min(self.shared.size.pieces);
        if count == 0 {
            queue.workers -= 1;
            self.is_counted = false;
            return None;
        }
        Some(queue.waiting.drain(..count).collect())
    }
}
