//! How long to wait before the next try. Jitter is an argument, from 0 up to and not including 1.

use std::time::Duration;

use insforge_protocol::okx::{Class, NotSentCause, Outcome};

/// First delay after a call that was certainly not sent.
const UNSENT_BASE: Duration = Duration::from_millis(500);
/// First delay after a call of unknown outcome; OKX's own clients look again after a second.
const UNKNOWN_BASE: Duration = Duration::from_secs(1);
/// Longest delay between two looks at one payment: authorizations commonly live five minutes.
const CAP: Duration = Duration::from_secs(30);
/// Shortest delay, so that full jitter never means "at once".
const FLOOR: Duration = Duration::from_millis(50);
/// After a refusal of our credentials. The worker pauses as a whole; a worker with other credentials may
/// take the payment meanwhile.
const CONFIG_DELAY: Duration = Duration::from_secs(5);
/// Longest wait we accept from a `Retry-After`: a day would outlive every authorization.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// `base` doubled with each attempt up to `cap`.
pub fn exponential(attempt: u32, base: Duration, cap: Duration) -> Duration {
    base.saturating_mul(1_u32.checked_shl(attempt.min(20)).unwrap_or(u32::MAX))
        .min(cap)
}

/// Anything from nothing up to the exponential delay: many clients that fail together come back apart.
pub fn full_jitter(attempt: u32, base: Duration, cap: Duration, jitter: f64) -> Duration {
    exponential(attempt, base, cap)
        .mul_f64(jitter.clamp(0.0, 1.0))
        .max(FLOOR)
}

/// At least half of the exponential delay: where waiting is the point, and not only spreading.
pub fn half_jitter(attempt: u32, base: Duration, cap: Duration, jitter: f64) -> Duration {
    exponential(attempt, base, cap).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// Delay before a payment is looked at again after `outcome`; `None` once it is settled. A final refusal
/// has one too: after an earlier attempt of unknown outcome it closes nothing. `attempt` counts the
/// intents before this one.
pub fn after(outcome: &Outcome, attempt: u32, jitter: f64) -> Option<Duration> {
    use NotSentCause::{Clock, Configuration, Credentials, RateLimited, Unreachable};
    Some(match outcome {
        Outcome::Settled { .. } => return None,
        // Jitter on top, never below: whoever asks for five seconds means five.
        Outcome::NotSent {
            cause: RateLimited,
            retry_after: Some(asked),
        } => (*asked).min(LONGEST_ASKED) + UNSENT_BASE.mul_f64(jitter),
        Outcome::NotSent {
            cause: Unreachable, ..
        } => full_jitter(attempt, UNSENT_BASE, CAP, jitter),
        Outcome::NotSent {
            cause: Credentials | Clock | Configuration,
            ..
        } => CONFIG_DELAY.mul_f64(1.0 + jitter),
        // A server that broke is broken for everybody: whoever it answered so must not come back together.
        Outcome::Unknown {
            class: Class::Retryable,
            ..
        } => full_jitter(attempt, UNKNOWN_BASE, CAP, jitter),
        _ => half_jitter(attempt, UNKNOWN_BASE, CAP, jitter),
    })
}

/// Shortens a delay so that the next try comes while the authorization can still be used. `left` is what
/// remains before it may no longer be started; with nothing left the delay stays, for others to close it.
pub fn within(delay: Duration, left: Duration) -> Duration {
    match left.checked_sub(Duration::from_secs(1)) {
        Some(last_chance) if last_chance > FLOOR => delay.min(last_chance),
        _ => delay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_delay_doubles_up_to_the_cap_and_never_overflows() {
        let delays: Vec<_> = (0..7).map(|n| exponential(n, SECOND, CAP).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(exponential(u32::MAX, SECOND, CAP), CAP);
    }

    #[test]
    fn full_jitter_spreads_over_the_whole_delay_but_never_means_at_once() {
        assert_eq!(full_jitter(3, SECOND, CAP, 0.0), FLOOR);
        assert_eq!(full_jitter(3, SECOND, CAP, 0.5), 4 * SECOND);
        assert_eq!(half_jitter(3, SECOND, CAP, 0.0), 4 * SECOND);
    }

    #[test]
    fn a_rate_limit_is_waited_out_as_long_as_asked_and_not_shorter() {
        let limited = |retry_after| Outcome::NotSent {
            cause: NotSentCause::RateLimited,
            retry_after,
        };
        let asked = after(&limited(Some(5 * SECOND)), 0, 0.3).unwrap();
        assert!(asked >= 5 * SECOND && asked < 6 * SECOND, "{asked:?}");
        assert!(after(&limited(Some(Duration::MAX)), 0, 0.0).unwrap() <= LONGEST_ASKED);
        assert!(after(&limited(None), 9, 0.99).unwrap() <= CAP);
    }

    #[test]
    fn only_a_settled_payment_is_never_looked_at_again() {
        let refused = Outcome::Refused { class: Class::Final };
        assert!(
            after(&refused, 0, 0.5).is_some(),
            "an earlier attempt may have been of unknown outcome"
        );
        let tx_hash = insforge_protocol::evm::B256::ZERO;
        assert_eq!(after(&Outcome::Settled { tx_hash }, 0, 0.5), None);
    }

    #[test]
    fn an_unknown_outcome_is_looked_at_again_after_one_second_then_two_then_four() {
        let unknown = Outcome::Unknown {
            tx_hash: None,
            class: Class::Unknown,
        };
        let delays: Vec<_> = (0..3)
            .map(|n| after(&unknown, n, 0.999).unwrap().as_secs_f64().round())
            .collect();
        assert_eq!(delays, [1.0, 2.0, 4.0]);
    }

    #[test]
    fn after_a_server_error_payments_come_back_spread_over_the_whole_delay() {
        let broken = Outcome::Unknown {
            tx_hash: None,
            class: Class::Retryable,
        };
        let delay = |jitter| after(&broken, 3, jitter).unwrap();
        assert_eq!((delay(0.0), delay(0.5)), (FLOOR, 4 * SECOND));
    }

    #[test]
    fn the_last_try_comes_before_the_authorization_runs_out() {
        assert_eq!(within(30 * SECOND, 10 * SECOND), 9 * SECOND);
        assert_eq!(within(2 * SECOND, 10 * SECOND), 2 * SECOND);
        assert_eq!(within(30 * SECOND, SECOND), 30 * SECOND);
    }
}
