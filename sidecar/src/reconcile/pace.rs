//! When to look again.

use std::time::Duration;

use insforge_protocol::evidence::{PaymentFacts, Wait};

/// Shortest and longest time between two looks at a payment that may end soon. The time doubles by itself,
/// because it follows the payment's age: 1, 2, 4 … 30 s.
const SOON: (u64, u64) = (1, 30);
/// The same for one that waits for something slow: a batch of the facilitator's, or a person.
const SLOW: (u64, u64) = (30, 300);

/// How long to wait after a look that decided nothing. `jitter` is from 0 up to and not including 1.
pub(super) fn after(why: Wait, facts: &PaymentFacts, jitter: f64) -> Duration {
    let age = facts.now.saturating_sub(facts.since);
    let (least, most) = match why {
        Wait::Deferred => SLOW,
        // Nobody but the facilitator can be asked, and nothing can be sent any more.
        Wait::NoChain => (SLOW.1, SLOW.1),
        _ => SOON,
    };
    Duration::from_secs(age.clamp(least, most)).mul_f64(0.75 + jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::tests::facts;

    #[test]
    fn looks_come_after_one_two_and_four_seconds_and_then_every_thirty() {
        let mut age = 0;
        let mut delays = Vec::new();
        for _ in 0..8 {
            let mut facts = facts();
            facts.now = facts.since + age;
            let delay = after(Wait::InFlight, &facts, 0.5).as_secs();
            delays.push(delay);
            age += delay;
        }
        assert_eq!(delays, [1, 1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn what_waits_for_a_batch_or_a_person_is_looked_at_seldom() {
        let mut facts = facts();
        assert_eq!(after(Wait::Deferred, &facts, 0.5), Duration::from_secs(30));
        facts.now = facts.since + 86_400;
        assert_eq!(after(Wait::Deferred, &facts, 0.5), Duration::from_secs(300));
        assert_eq!(after(Wait::NoChain, &facts, 0.5), Duration::from_secs(300));
    }
}
