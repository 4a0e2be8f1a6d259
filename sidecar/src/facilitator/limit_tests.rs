use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, advance, sleep};
use tokio_util::sync::CancellationToken;

use super::Limiter;
use super::tokens::Tokens;
use crate::settle::{Bucket, Granted, LedgerError};
use crate::tasks::Part;

const SECOND: Duration = Duration::from_secs(1);
/// A second, and what waiters are spread by.
const SPREAD_SECOND: Duration = Duration::from_millis(1200);

/// The bucket of a database, with a count of the statements.
struct Shared {
    tokens: Mutex<Tokens>,
    statements: Mutex<Vec<&'static str>>,
    down: Mutex<bool>,
}

impl Shared {
    fn new(rate: f64, burst: usize) -> Arc<Self> {
        Arc::new(Self {
            tokens: Mutex::new(Tokens::full(rate, burst, Instant::now())),
            statements: Mutex::default(),
            down: Mutex::default(),
        })
    }

    fn answer<T>(&self, name: &'static str, answer: T) -> Result<T, LedgerError> {
        self.statements.lock().unwrap().push(name);
        if *self.down.lock().unwrap() {
            return Err(LedgerError::Unavailable("down".to_owned()));
        }
        Ok(answer)
    }
}

impl Bucket for Shared {
    fn take(&self, wanted: usize) -> BoxFuture<'_, Result<Granted, LedgerError>> {
        let granted = match self.tokens.lock().unwrap().take(wanted, Instant::now()) {
            Ok(tokens) => Granted {
                tokens,
                wait: Duration::ZERO,
            },
            Err(wait) => Granted { tokens: 0, wait },
        };
        std::future::ready(self.answer("take", granted)).boxed()
    }

    fn give_back(&self, unused: usize) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.tokens.lock().unwrap().put_back(unused);
        std::future::ready(self.answer("give back", ())).boxed()
    }

    fn hold(&self, pause: Duration) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.tokens.lock().unwrap().pause(Instant::now() + pause);
        std::future::ready(self.answer("hold", ())).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_then_one_a_second() {
    let limiter = Limiter::new(1.0, 3);
    let started = Instant::now();
    assert_eq!(limiter.acquire(10).await, 3);
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(limiter.acquire(10).await, 1);
    assert_eq!(started.elapsed(), SECOND);
    advance(60 * SECOND).await;
    assert_eq!(
        limiter.acquire(10).await,
        3,
        "a quiet minute gives no more than the burst"
    );
}

#[tokio::test(start_paused = true)]
async fn unused_tokens_can_be_given_back() {
    let limiter = Limiter::new(1.0, 3);
    let taken = limiter.acquire(3).await;
    limiter.give_back(taken);
    assert_eq!(limiter.acquire(3).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_even_without_a_limit_and_a_shorter_one_does_not_shorten_it() {
    let limiter = Limiter::new(0.0, 1);
    assert_eq!(limiter.acquire(1_000).await, 1_000);
    let started = Instant::now();
    limiter.pause(5 * SECOND).await;
    limiter.pause(SECOND).await;
    assert_eq!(limiter.acquire(1_000).await, 1_000);
    assert_eq!(started.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_requests_start_slowly() {
    let limiter = Limiter::new(1.0, 3);
    limiter.pause(5 * SECOND).await;
    assert_eq!(limiter.acquire(3).await, 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_no_patience_is_told_how_long_it_would_take() {
    let limiter = Limiter::new(0.1, 1);
    assert_eq!(limiter.acquire_one_within(SECOND).await, Ok(()));
    assert_eq!(limiter.acquire_one_within(SECOND).await, Err(10 * SECOND));
    assert_eq!(limiter.acquire_one_within(10 * SECOND).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn limiters_over_one_bucket_keep_to_its_rate_together() {
    let bucket = Shared::new(1.0, 3);
    let limiters = [1, 2, 3].map(|_| Arc::new(Limiter::new(1.0, 3).shared(bucket.clone())));
    let sent = Arc::new(Mutex::new(0));
    for limiter in limiters.clone() {
        let sent = sent.clone();
        tokio::spawn(async move {
            loop {
                *sent.lock().unwrap() += limiter.acquire(1).await;
            }
        });
    }
    sleep(100 * SECOND).await;
    let sent = *sent.lock().unwrap();
    assert!((90..=103).contains(&sent), "{sent} requests in 100 seconds");
}

#[tokio::test(start_paused = true)]
async fn tokens_left_over_are_used_without_a_statement_and_put_back_a_moment_later() {
    let bucket = Shared::new(1.0, 3);
    let limiter = Arc::new(Limiter::new(1.0, 3).shared(bucket.clone()));
    let (running, stop) = (limiter.clone(), CancellationToken::new());
    tokio::spawn(async move { running.run(stop).await });
    assert_eq!(limiter.acquire(3).await, 3);
    limiter.give_back(2);
    assert_eq!(limiter.acquire(1).await, 1);
    assert_eq!(*bucket.statements.lock().unwrap(), ["take"]);
    sleep(SPREAD_SECOND).await;
    assert_eq!(*bucket.statements.lock().unwrap(), ["take", "give back"]);
    sleep(60 * SECOND).await;
    assert_eq!(bucket.statements.lock().unwrap().len(), 2, "idle is idle");
}

#[tokio::test(start_paused = true)]
async fn tokens_left_over_at_a_stop_are_put_back() {
    let bucket = Shared::new(1.0, 3);
    let limiter = Limiter::new(1.0, 3).shared(bucket.clone());
    assert_eq!(limiter.acquire(3).await, 3);
    limiter.give_back(3);
    let stopped = CancellationToken::new();
    stopped.cancel();
    limiter.run(stopped).await;
    assert_eq!(bucket.take(3).await.unwrap().tokens, 3);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_one_is_asked_for_holds_the_others_too() {
    let bucket = Shared::new(1.0, 3);
    let [one, other] = [1, 2].map(|_| Limiter::new(1.0, 3).shared(bucket.clone()));
    one.pause(5 * SECOND).await;
    let started = Instant::now();
    assert_eq!(other.acquire(3).await, 1);
    assert!(started.elapsed() >= 5 * SECOND, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn with_the_database_away_each_keeps_to_the_limit_by_itself() {
    let bucket = Shared::new(1.0, 3);
    *bucket.down.lock().unwrap() = true;
    let limiter = Limiter::new(1.0, 3).shared(bucket.clone());
    let started = Instant::now();
    let mut sent = 0;
    while sent < 10 {
        sent += limiter.acquire(10).await;
    }
    assert!(
        started.elapsed() >= 7 * SECOND,
        "{sent} in {:?}",
        started.elapsed()
    );
    *bucket.down.lock().unwrap() = false;
    advance(60 * SECOND).await;
    limiter.acquire(1).await;
    limiter.give_back(1);
    assert_eq!(limiter.acquire(1).await, 1, "it goes by the shared one again");
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nobody_is_asked() {
    let bucket = Shared::new(1.0, 3);
    let limiter = Limiter::new(0.0, 1).shared(bucket.clone());
    assert_eq!(limiter.acquire(500).await, 500);
    limiter.give_back(500);
    limiter.pause(SECOND).await;
    assert!(bucket.statements.lock().unwrap().is_empty());
}
