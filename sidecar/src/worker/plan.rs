use std::time::Duration;

use insforge_protocol::contract::DOORBELL_INTERVAL_MS;
use tokio::time::Instant;

use crate::settle::backoff;

/// Why the dispatcher looks at the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// It has just started.
    Start,
    /// Somebody rang.
    Doorbell,
    /// Somebody rang a moment ago: payments that came within the bell's interval rang nobody.
    Again,
    /// The listener came up or went down.
    Listener,
    /// A payment is due.
    Due,
    /// It has not looked for long.
    Poll,
    /// The last look failed.
    Retry,
    /// The last claim was full, so there may be more.
    Drain,
}

impl Wake {
    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Doorbell => "doorbell",
            Self::Again => "again",
            Self::Listener => "listener",
            Self::Due => "due",
            Self::Poll => "poll",
            Self::Retry => "retry",
            Self::Drain => "drain",
        }
    }
}

/// A second look comes this much later than a ring: the bell's interval and some slack for its commit.
const LOOK_AGAIN: Duration = Duration::from_millis(DOORBELL_INTERVAL_MS + 5);
/// Longest time that rings in a row may put off asking what is due, and with it what needs reconciliation.
const OWED: Duration = Duration::from_millis(250);
/// First wait when payments are said to be due but none can be claimed (another worker holds them).
const EMPTY_BASE: Duration = Duration::from_millis(50);
/// Longest such wait.
const EMPTY_CAP: Duration = Duration::from_secs(1);
/// First wait after a failed look.
const FAILED_BASE: Duration = Duration::from_millis(100);
/// Longest such wait.
const FAILED_CAP: Duration = Duration::from_secs(5);

/// What a look at the queue found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Payments claimed.
    pub(super) claimed: usize,
    /// When the next is due.
    pub(super) due: Due,
}

/// When the next payment is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing waits.
    Never,
    /// In so long; zero is now.
    In(Duration),
    /// Nobody asked: what was claimed is to be sent first, and a second look follows soon.
    Unasked,
}

impl From<Option<Duration>> for Due {
    fn from(due: Option<Duration>) -> Self {
        due.map_or(Self::Never, Self::In)
    }
}

/// When to look next, and why.
#[derive(Debug)]
pub(super) struct Plan {
    poll: Instant,
    again: Option<Instant>,
    due: Option<Instant>,
    retry: Option<Instant>,
    /// Since when nobody has asked what is due, though payments were claimed.
    owed: Option<Instant>,
    empty: u32,
    failed: u32,
}

impl Plan {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            poll: now,
            again: None,
            due: None,
            retry: None,
            owed: None,
            empty: 0,
            failed: 0,
        }
    }

    /// The next look, if nothing wakes us before.
    pub(super) fn next(&self) -> (Instant, Wake) {
        if let Some(at) = self.retry {
            return (at, Wake::Retry);
        }
        let timed = [
            (self.again, Wake::Again),
            (self.owed.map(|since| since + OWED), Wake::Again),
            (self.due, Wake::Due),
            (Some(self.poll), Wake::Poll),
        ];
        let timed = timed.into_iter().filter_map(|(at, wake)| Some((at?, wake)));
        timed.min_by_key(|(at, _)| *at).unwrap_or((self.poll, Wake::Poll))
    }

    /// Somebody rang.
    pub(super) fn rung(&mut self, now: Instant) {
        self.again = Some(now + LOOK_AGAIN);
    }

    /// A look was taken; the next poll is due in `poll`.
    pub(super) fn looked(&mut self, now: Instant, look: Look, poll: Duration) {
        self.failed = 0;
        self.retry = None;
        self.poll = now + poll;
        let due = match look.due {
            Due::Unasked => {
                self.owed.get_or_insert(now);
                self.again.get_or_insert(now + LOOK_AGAIN);
                return;
            }
            Due::Never => None,
            Due::In(due) => Some(due),
        };
        self.owed = None;
        if self.again.is_some_and(|at| at <= now) {
            self.again = None;
        }
        let in_vain = look.claimed == 0 && due.is_some_and(|due| due.is_zero());
        // Only a second miss in a row is waited out: the first may have become due in between.
        let pause = if in_vain && self.empty > 0 {
            backoff::exponential(self.empty - 1, EMPTY_BASE, EMPTY_CAP)
        } else {
            Duration::ZERO
        };
        self.empty = if in_vain { self.empty.saturating_add(1) } else { 0 };
        self.due = due.map(|due| now + due.max(pause));
    }

    /// A look failed.
    pub(super) fn failed(&mut self, now: Instant, jitter: f64) {
        self.retry = Some(now + backoff::full_jitter(self.failed, FAILED_BASE, FAILED_CAP, jitter));
        self.failed = self.failed.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const IDLE: Look = Look {
        claimed: 0,
        due: Due::Never,
    };

    #[test]
    fn an_idle_queue_is_looked_at_once_in_a_poll_interval() {
        let now = Instant::now();
        let mut plan = Plan::new(now);
        plan.looked(now, IDLE, 8 * SECOND);
        assert_eq!(plan.next(), (now + 8 * SECOND, Wake::Poll));
    }

    #[test]
    fn the_next_due_payment_is_waited_for_and_not_polled_for() {
        let now = Instant::now();
        let mut plan = Plan::new(now);
        plan.looked(
            now,
            Look {
                claimed: 3,
                due: Due::In(2 * SECOND),
            },
            8 * SECOND,
        );
        assert_eq!(plan.next(), (now + 2 * SECOND, Wake::Due));
    }

    #[test]
    fn a_ring_is_followed_by_a_second_look_after_the_bells_interval() {
        let now = Instant::now();
        let mut plan = Plan::new(now);
        plan.rung(now);
        plan.looked(now + Duration::from_millis(1), IDLE, 8 * SECOND);
        assert_eq!(plan.next(), (now + LOOK_AGAIN, Wake::Again));
        plan.looked(now + LOOK_AGAIN, IDLE, 8 * SECOND);
        assert_eq!(plan.next().1, Wake::Poll);
    }

    #[test]
    fn rings_without_end_put_off_asking_what_is_due_for_a_quarter_of_a_second_only() {
        let start = Instant::now();
        let mut plan = Plan::new(start);
        let claimed = Look {
            claimed: 1,
            due: Due::Unasked,
        };
        let mut now = start;
        while plan.next().1 != Wake::Again || plan.next().0 > now {
            plan.rung(now);
            plan.looked(now, claimed, 8 * SECOND);
            now += Duration::from_millis(20);
        }
        assert!(
            now - start <= OWED + Duration::from_millis(20),
            "{:?}",
            now - start
        );
        plan.looked(now, IDLE, 8 * SECOND);
        let last_ring = now - Duration::from_millis(20);
        let second_look = (last_ring + LOOK_AGAIN, Wake::Again);
        assert_eq!(
            plan.next(),
            second_look,
            "the last ring still has its second look"
        );
    }

    #[test]
    fn payments_that_are_due_but_cannot_be_claimed_do_not_make_a_hot_loop() {
        let now = Instant::now();
        let mut plan = Plan::new(now);
        let in_vain = Look {
            claimed: 0,
            due: Due::In(Duration::ZERO),
        };
        let mut waits = Vec::new();
        for _ in 0..8 {
            plan.looked(now, in_vain, 8 * SECOND);
            waits.push((plan.next().0 - now).as_millis());
        }
        assert_eq!(waits, [0, 50, 100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn failures_back_off_whatever_else_is_planned_and_a_success_ends_that() {
        let now = Instant::now();
        let mut plan = Plan::new(now);
        plan.rung(now);
        for _ in 0..20 {
            plan.failed(now, 1.0);
        }
        assert_eq!(plan.next(), (now + FAILED_CAP, Wake::Retry));
        plan.looked(now + SECOND, IDLE, 8 * SECOND);
        assert_eq!(plan.next(), (now + 9 * SECOND, Wake::Poll));
    }
}
