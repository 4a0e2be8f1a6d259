//! Named tasks and services. Nothing is spawned naked: every task has a name, a panic in it is logged
//! under that name, and whoever stops a group knows when its last task has ended.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

/// Short-lived tasks of one kind.
#[derive(Clone, Debug, Default)]
pub struct TaskGroup {
    tracker: TaskTracker,
    abort: CancellationToken,
}

impl TaskGroup {
    /// Starts a task. It ends early, at its next await, when the group is aborted.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let abort = self.abort.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                biased;
                () = abort.cancelled() => debug!(task = name, "aborted"),
                ended = AssertUnwindSafe(task).catch_unwind() => {
                    if ended.is_err() {
                        error!(task = name, "task panicked");
                    }
                }
            }
        });
    }

    /// Waits until every task has ended; `false` if some were still running after `limit`.
    pub async fn wait(&self, limit: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }

    /// Ends every task at its next await and waits for that.
    pub async fn abort(&self) {
        self.abort.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Tasks that are running.
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether no task is running.
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }
}

type Body = dyn Fn(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync;

/// Something that works until it is told to stop, and can be run again after that.
pub trait Part: Send + Sync + 'static {
    /// Works until `stop` is cancelled.
    fn run(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send;
}

/// A long-lived part of the sidecar. Starting what runs, stopping what does not, and starting again
/// are all fine.
pub struct Service {
    name: &'static str,
    body: Box<Body>,
    died: CancellationToken,
    running: Mutex<Option<(CancellationToken, JoinHandle<()>)>>,
}

impl Service {
    /// A service whose body runs until its token is cancelled. Should the body end by itself or panic,
    /// `died` is cancelled: a sidecar that has lost a part must not look alive.
    pub fn new<F>(
        name: &'static str,
        died: CancellationToken,
        body: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            name,
            body: Box::new(move |stop| body(stop).boxed()),
            died,
            running: Mutex::new(None),
        }
    }

    /// A service that runs a part.
    pub fn of(name: &'static str, died: CancellationToken, part: Arc<impl Part>) -> Self {
        Self::new(name, died, move |stop| {
            let part = part.clone();
            async move { part.run(stop).await }
        })
    }

    /// Starts the body unless it is running.
    pub async fn start(&self) {
        let mut running = self.running.lock().await;
        if running.as_ref().is_some_and(|(_, task)| !task.is_finished()) {
            return;
        }
        let stop = CancellationToken::new();
        let (name, died, body) = (self.name, self.died.clone(), (self.body)(stop.clone()));
        let asked = stop.clone();
        let task = tokio::spawn(async move {
            let ended = AssertUnwindSafe(body).catch_unwind().await;
            if ended.is_err() || !asked.is_cancelled() {
                error!(
                    service = name,
                    panicked = ended.is_err(),
                    "service ended by itself"
                );
                died.cancel();
            }
        });
        debug!(service = name, "started");
        *running = Some((stop, task));
    }

    /// Asks the body to end and waits for it.
    pub async fn stop(&self) {
        let mut running = self.running.lock().await;
        if let Some((stop, task)) = running.take() {
            stop.cancel();
            // The task catches panics, so the only error left is that the runtime is going away.
            let _ = task.await;
            debug!(service = self.name, "stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn counted(runs: &Arc<AtomicUsize>, died: &CancellationToken) -> Service {
        let runs = runs.clone();
        Service::new("counted", died.clone(), move |stop| {
            runs.fetch_add(1, Ordering::SeqCst);
            async move { stop.cancelled().await }
        })
    }

    #[tokio::test]
    async fn a_service_may_be_started_and_stopped_twice_in_any_order() {
        let (runs, died) = (Arc::default(), CancellationToken::new());
        let service = counted(&runs, &died);
        service.stop().await;
        service.start().await;
        service.start().await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        service.stop().await;
        service.stop().await;
        service.start().await;
        service.stop().await;
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert!(!died.is_cancelled());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_survives_concurrent_starts_and_stops() {
        let (runs, died) = (Arc::default(), CancellationToken::new());
        let service = Arc::new(counted(&runs, &died));
        let stress = (0..50).map(|i| {
            let service = service.clone();
            async move {
                if i % 2 == 0 {
                    service.start().await
                } else {
                    service.stop().await
                }
            }
        });
        futures_util::future::join_all(stress.map(tokio::spawn)).await;
        service.stop().await;
        assert!(!died.is_cancelled());
    }

    #[tokio::test]
    async fn a_service_that_panics_is_reported_as_dead() {
        let died = CancellationToken::new();
        let service = Service::new("doomed", died.clone(), |_| async { panic!("on purpose") });
        service.start().await;
        died.cancelled().await;
        service.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_waits_for_its_tasks_and_aborts_those_that_stay() {
        let group = TaskGroup::default();
        group.spawn("brief", async {});
        group.spawn("endless", std::future::pending());
        group.spawn("panicking", async { panic!("on purpose") });
        assert!(!group.wait(Duration::from_secs(1)).await);
        assert_eq!(group.len(), 1);
        group.abort().await;
        assert!(group.is_empty());
    }
}
