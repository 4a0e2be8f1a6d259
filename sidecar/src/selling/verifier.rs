use std::sync::Arc;
use std::time::Duration;

use insforge_protocol::okx::{Class, NoAnswer, VerifyAnswer};
use insforge_protocol::x402::{Payment, Reason, Requirements};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::facilitator::{Facilitator, Limiter};

/// Longest wait for one's turn, and then for a place in the request limit; the buyer is waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Questions that wait for a place in the limit at once. Whoever can send requests can make up signatures that only
/// the chain could check; the settlements that share the limit compete with so many of them and no more.
const WAITERS: usize = 2;

/// A judgement to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The payment is good.
    Valid,
    /// It is not: the reason's word and sentence.
    Invalid(String, String),
    /// Nobody can tell at present.
    Unanswered,
}

/// Asks the facilitator about signatures that cannot be checked offline, within the limit that settlements
/// share.
#[derive(Clone)]
pub struct Verifier {
    facilitator: Arc<dyn Facilitator>,
    limiter: Arc<Limiter>,
    turns: Arc<Semaphore>,
}

impl Verifier {
    /// Asks `facilitator`, through `limiter`.
    pub fn new(facilitator: Arc<dyn Facilitator>, limiter: Arc<Limiter>) -> Self {
        Self {
            facilitator,
            limiter,
            turns: Arc::new(Semaphore::new(WAITERS)),
        }
    }

    /// The facilitator's verdict. `indeterminate`: the signature could not be checked offline, so that without
    /// an answer there is none.
    pub async fn ask(&self, payment: &Payment, requirements: &Requirements, indeterminate: bool) -> Verdict {
        verdict(self.answer(payment, requirements).await, indeterminate)
    }

    async fn answer(&self, payment: &Payment, requirements: &Requirements) -> Option<VerifyAnswer> {
        if self.facilitator.is_mock() {
            return None;
        }
        if let Err(wait) = self.admitted().await {
            return Some(VerifyAnswer::NoAnswer(NoAnswer {
                class: Class::Retryable,
                reason: "the request limit is used up".to_owned(),
                retry_after: Some(wait),
            }));
        }
        self.facilitator.verify(payment, requirements).await
    }

    /// A place in the limit, or how long to wait before asking again. Whoever's turn does not come asks for none.
    async fn admitted(&self) -> Result<(), Duration> {
        let Ok(Ok(_turn)) = timeout(PATIENCE, self.turns.acquire()).await else {
            return Err(PATIENCE);
        };
        self.limiter.acquire_one_within(PATIENCE).await
    }
}

/// A payment that was proven offline stays valid unless the facilitator refuses it for good.
fn verdict(answer: Option<VerifyAnswer>, indeterminate: bool) -> Verdict {
    match answer {
        Some(VerifyAnswer::Valid) => Verdict::Valid,
        Some(VerifyAnswer::Invalid { class, reason }) if indeterminate || class == Class::Final => {
            Verdict::Invalid(word(&reason), reason)
        }
        None if indeterminate => Verdict::Invalid(
            "invalid_exact_evm_payload_signature".to_owned(),
            "only the chain can check this signature, and no facilitator can be asked".to_owned(),
        ),
        Some(VerifyAnswer::NoAnswer(_)) if indeterminate => Verdict::Unanswered,
        Some(VerifyAnswer::Invalid { .. } | VerifyAnswer::NoAnswer(_)) | None => Verdict::Valid,
    }
}

/// A foreign text as a reason: itself if it is one word of the usual form, else the general one.
pub(super) fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain {
        text.to_owned()
    } else {
        Reason::UnexpectedSettle.code().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::{BoxFuture, join_all, ready};

    use tokio::time::Instant;

    use super::*;
    use crate::facilitator::Mock;
    use crate::settle::{Bucket, Granted, LedgerError};

    /// A bucket that is empty for long, and counts who asks.
    #[derive(Default)]
    struct Empty(AtomicUsize);

    impl Bucket for Empty {
        fn take(&self, _: usize) -> BoxFuture<'_, Result<Granted, LedgerError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let wait = Duration::from_secs(1);
            ready(Ok(Granted { tokens: 0, wait })).boxed()
        }

        fn give_back(&self, _: usize) -> BoxFuture<'_, Result<(), LedgerError>> {
            ready(Ok(())).boxed()
        }

        fn hold(&self, _: Duration) -> BoxFuture<'_, Result<(), LedgerError>> {
            ready(Ok(())).boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_hundred_made_up_signatures_press_on_the_limit_like_two() {
        let bucket = Arc::new(Empty::default());
        let limiter = Limiter::new(1.0, 1).shared(bucket.clone());
        let verifier = Verifier::new(Arc::new(Mock), Arc::new(limiter));
        let began = Instant::now();
        let all = join_all((0..200).map(|_| verifier.admitted())).await;
        assert!(all.iter().all(Result::is_err));
        assert!(began.elapsed() <= 2 * PATIENCE);
        // Once a second while it is their turn, and two turns within that time.
        let asked = bucket.0.load(Ordering::Relaxed);
        assert!(asked <= 2 * 6 * WAITERS, "{asked} questions at an empty bucket");
    }

    fn invalid(class: Class) -> Option<VerifyAnswer> {
        Some(VerifyAnswer::Invalid {
            class,
            reason: "insufficient_balance".into(),
        })
    }

    fn refused_as(verdict: &Verdict, code: &str) -> bool {
        matches!(verdict, Verdict::Invalid(reason, _) if reason == code)
    }

    #[test]
    fn what_only_the_facilitator_can_check_is_never_valid_without_it() {
        let no_answer = || {
            Some(VerifyAnswer::NoAnswer(NoAnswer {
                class: Class::Retryable,
                reason: "503".into(),
                retry_after: None,
            }))
        };
        assert_eq!(verdict(no_answer(), true), Verdict::Unanswered);
        assert!(refused_as(
            &verdict(None, true),
            "invalid_exact_evm_payload_signature"
        ));
        assert!(refused_as(
            &verdict(invalid(Class::Unknown), true),
            "insufficient_balance"
        ));
        assert_eq!(verdict(no_answer(), false), Verdict::Valid);
        assert_eq!(verdict(None, false), Verdict::Valid);
    }

    #[test]
    fn a_payment_proven_offline_is_refused_only_for_good() {
        assert!(refused_as(
            &verdict(invalid(Class::Final), false),
            "insufficient_balance"
        ));
        assert_eq!(verdict(invalid(Class::Retryable), false), Verdict::Valid);
    }

    #[test]
    fn foreign_sentences_do_not_become_reason_words() {
        assert_eq!(word("nonce_used"), "nonce_used");
        for text in ["", "invalid signature, nonce_used", "X\"}", &"a".repeat(65)] {
            assert_eq!(word(text), "unexpected_settle_error", "{text:?}");
        }
    }
}
