//! From what happened on a call of `/settle` to what is known about the money. This is the only place where
//! that is decided.
//!
//! The rule behind every line: a payment may only count as not made if it certainly was not sent on. After
//! the request was written, silence, server errors, unreadable bodies, contradictions and unlisted words all
//! leave the outcome open.

use std::time::Duration;

use alloy_primitives::B256;
use serde_json::{Value, json};

use super::answer::{ABOUT_ANOTHER, Answer, Asked, tidy, tidy_body};
use super::envelope::Envelope;
use super::meaning::{Class, Meaning, NotSentCause, of_code, of_text};
use crate::x402::Scheme;

/// What happened on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// No request left: the name did not resolve, the connection was not made, or our own limiter held it back.
    NotSent(String),
    /// An HTTP answer came, whole.
    Status {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, if given.
        retry_after: Option<Duration>,
        /// The body's bytes.
        body: Vec<u8>,
    },
    /// The request was, or may have been, written, and no whole answer came: reset, timeout, cut body.
    Cut(String),
}

/// What is known about the money after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The facilitator says it is confirmed. The receipt is still to be checked where a chain can be asked.
    Settled {
        /// The transaction.
        tx_hash: B256,
    },
    /// Sent, not confirmed.
    Submitted {
        /// The transaction.
        tx_hash: B256,
    },
    /// Taken in, to be paid within a later batch (`aggr_deferred`).
    Accepted,
    /// Refused before anything was sent. Proves nothing if an earlier attempt ended unknown.
    Refused {
        /// [`Class::Final`] or [`Class::Retryable`].
        class: Class,
    },
    /// Certainly not sent on; nothing about the payment was decided.
    NotSent {
        /// Why.
        cause: NotSentCause,
        /// How long the facilitator asked to wait.
        retry_after: Option<Duration>,
    },
    /// It may have been paid. Only the chain, or a later answer about the hash, can tell.
    Unknown {
        /// A transaction the facilitator named.
        tx_hash: Option<B256>,
        /// [`Class::InFlight`], [`Class::Retryable`] (send the same payment again) or [`Class::Unknown`].
        class: Class,
    },
}

/// An outcome with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// What is known.
    pub outcome: Outcome,
    /// The facilitator's own words, or those of the connection.
    pub reason: Option<String>,
    /// What the ledger keeps: an object without secrets or signatures.
    pub evidence: Value,
}

impl Outcome {
    /// The word in SQL: settled, submitted, accepted, refused, `not_sent` or unknown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Settled { .. } => "settled",
            Self::Submitted { .. } => "submitted",
            Self::Accepted => "accepted",
            Self::Refused { .. } => "refused",
            Self::NotSent { .. } => "not_sent",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The transaction, if one was named.
    pub const fn tx_hash(&self) -> Option<B256> {
        match self {
            Self::Settled { tx_hash } | Self::Submitted { tx_hash } => Some(*tx_hash),
            Self::Unknown { tx_hash, .. } => *tx_hash,
            Self::Accepted | Self::Refused { .. } | Self::NotSent { .. } => None,
        }
    }

    /// The class of an outcome that is not a success.
    pub const fn class(&self) -> Option<Class> {
        match self {
            Self::Refused { class } | Self::Unknown { class, .. } => Some(*class),
            Self::NotSent { cause, .. } => Some(cause.class()),
            Self::Settled { .. } | Self::Submitted { .. } | Self::Accepted => None,
        }
    }

    /// Whether nothing will settle until the configuration or the clock is put right: pause the worker.
    pub fn is_config(&self) -> bool {
        self.class() == Some(Class::Config)
    }
}

/// Decides what a call of `/settle` about `asked` leaves known.
pub fn settle_outcome(asked: &Asked, call: &Call) -> Settlement {
    match call {
        Call::NotSent(why) => transport(not_sent(NotSentCause::Unreachable, None), why),
        Call::Cut(why) => transport(open(None, Class::Retryable), why),
        Call::Status {
            status,
            retry_after,
            body,
        } => {
            let limited = not_sent(NotSentCause::RateLimited, *retry_after);
            match Envelope::parse(body) {
                Some(envelope) => answered(asked, *status, limited, &Answer::read(&envelope)),
                None => unreadable(*status, limited, body),
            }
        }
    }
}

fn transport(outcome: Outcome, why: &str) -> Settlement {
    let why = tidy(why);
    Settlement {
        outcome,
        evidence: json!({ "transport": why }),
        reason: Some(why),
    }
}

/// 401 and 429 speak for themselves; any other status without a readable body says nothing.
fn unreadable(status: u16, limited: Outcome, body: &[u8]) -> Settlement {
    let outcome = match status {
        401 => not_sent(NotSentCause::Credentials, None),
        429 => limited,
        _ => open(None, Class::Retryable),
    };
    let body = tidy_body(body);
    let reason = Some(format!("HTTP {status} without a readable answer"));
    Settlement {
        outcome,
        reason,
        evidence: json!({ "http_status": status, "body": body }),
    }
}

fn answered(asked: &Asked, status: u16, limited: Outcome, answer: &Answer) -> Settlement {
    let about_another = answer.contradicts(asked);
    let outcome = if about_another {
        open(None, Class::Unknown)
    } else if answer.success == Some(true) && answer.code_ok && (200..300).contains(&status) {
        succeeded(&asked.scheme, answer)
    } else if answer.success == Some(true) || answer.hash().is_some() {
        half_claimed(answer)
    } else {
        refused(status, limited, answer)
    };
    Settlement {
        outcome,
        reason: if about_another {
            Some(ABOUT_ANOTHER.to_owned())
        } else {
            answer.why()
        },
        evidence: answer.evidence(status),
    }
}

/// `success: true` in a sound envelope: the status decides.
fn succeeded(scheme: &Scheme, answer: &Answer) -> Outcome {
    let status = answer.status.as_deref();
    match (scheme, status, answer.hash()) {
        (Scheme::AggrDeferred, None | Some("success"), _) => Outcome::Accepted,
        (Scheme::Exact, Some("success"), Some(tx_hash)) => Outcome::Settled { tx_hash },
        (Scheme::Exact, None | Some("pending" | "timeout"), Some(tx_hash)) => Outcome::Submitted { tx_hash },
        (_, Some("pending" | "timeout"), hash) => open(hash, Class::InFlight),
        (_, _, hash) => open(hash, Class::Unknown),
    }
}

/// A success inside an error, or a refusal that names a transaction: something was sent.
fn half_claimed(answer: &Answer) -> Outcome {
    let pending = answer.reason.as_deref().and_then(of_text) == Some(Meaning::Open(Class::InFlight));
    match answer.hash() {
        Some(tx_hash) if pending || answer.success == Some(true) => Outcome::Submitted { tx_hash },
        hash => open(hash, Class::Unknown),
    }
}

fn refused(status: u16, limited: Outcome, answer: &Answer) -> Outcome {
    // A server that broke may have broken after it sent.
    if status >= 500 {
        return open(None, Class::Retryable);
    }
    let by_code = answer
        .code
        .as_deref()
        .filter(|_| !answer.code_ok)
        .and_then(of_code);
    let by_text = || {
        answer
            .reason
            .as_deref()
            .or(answer.msg.as_deref())
            .and_then(of_text)
    };
    let refuses = answer.success == Some(false) || !answer.code_ok;
    match by_code.or_else(|| by_text().filter(|_| refuses)) {
        Some(Meaning::NotSent(NotSentCause::RateLimited)) => limited,
        Some(Meaning::NotSent(cause)) => not_sent(cause, None),
        Some(Meaning::Refused(class)) => Outcome::Refused { class },
        Some(Meaning::Open(class)) => open(None, class),
        None if status == 429 => limited,
        None if status == 401 => not_sent(NotSentCause::Credentials, None),
        None => open(None, Class::Unknown),
    }
}

const fn not_sent(cause: NotSentCause, retry_after: Option<Duration>) -> Outcome {
    Outcome::NotSent { cause, retry_after }
}

const fn open(tx_hash: Option<B256>, class: Class) -> Outcome {
    Outcome::Unknown { tx_hash, class }
}

#[cfg(test)]
mod tests;
