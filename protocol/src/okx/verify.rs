//! Answers of `/verify`. Nothing is spent by asking, so anything but a clear answer means: ask again.

use std::time::Duration;

use serde_json::Value;

use super::answer::{Answer, Asked, tidy};
use super::envelope::{Envelope, text_of};
use super::meaning::{Class, Meaning, NotSentCause, of_code, of_text};
use super::outcome::Call;

/// What `/verify` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyAnswer {
    /// The payment would settle now.
    Valid,
    /// It would not.
    Invalid {
        /// What the reason means.
        class: Class,
        /// The facilitator's own words.
        reason: String,
    },
    /// No judgement was had.
    NoAnswer(NoAnswer),
}

/// A call that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// [`Class::Config`], [`Class::Final`] (the request itself is refused), [`Class::Retryable`] or
    /// [`Class::Unknown`] (not understood).
    pub class: Class,
    /// The facilitator's own words, or those of the connection.
    pub reason: String,
    /// How long the facilitator asked to wait.
    pub retry_after: Option<Duration>,
}

/// Reads what happened on a call of `/verify` about `asked`.
pub fn verify_answer(asked: &Asked, call: &Call) -> VerifyAnswer {
    match open_envelope(call) {
        Err(no_answer) => VerifyAnswer::NoAnswer(no_answer),
        Ok(envelope) => read(asked, &envelope),
    }
}

fn read(asked: &Asked, envelope: &Envelope) -> VerifyAnswer {
    let answer = envelope.answer();
    let reason = text_of(answer, "invalidReason").or_else(|| envelope.msg.clone());
    let reason = tidy(reason.as_deref().unwrap_or("no reason given"));
    let contradicts = Answer::read(envelope).contradicts(asked);
    match answer.get("isValid").and_then(Value::as_bool) {
        Some(true) if !contradicts => VerifyAnswer::Valid,
        Some(false) if !contradicts => VerifyAnswer::Invalid {
            class: class_of(&reason),
            reason,
        },
        _ => VerifyAnswer::NoAnswer(NoAnswer {
            class: Class::Unknown,
            reason,
            retry_after: None,
        }),
    }
}

fn class_of(reason: &str) -> Class {
    match of_text(reason) {
        Some(Meaning::Refused(class) | Meaning::Open(class)) => class,
        Some(Meaning::NotSent(cause)) => cause.class(),
        None => Class::Unknown,
    }
}

/// Whether the request was refused because of its timestamp alone, before anybody looked at what it asks for.
pub fn refuses_timestamp(call: &Call) -> bool {
    let Call::Status { status, body, .. } = call else {
        return false;
    };
    let code = Envelope::parse(body).and_then(|envelope| envelope.code);
    *status < 500 && code.as_deref().and_then(of_code) == Some(Meaning::NotSent(NotSentCause::Clock))
}

/// Takes the envelope off an answer to a question that spends nothing.
pub(super) fn open_envelope(call: &Call) -> Result<Envelope, NoAnswer> {
    let retry = |reason: String| NoAnswer {
        class: Class::Retryable,
        reason,
        retry_after: None,
    };
    let (status, retry_after, body) = match call {
        Call::NotSent(why) | Call::Cut(why) => return Err(retry(tidy(why))),
        Call::Status {
            status,
            retry_after,
            body,
        } => (*status, *retry_after, body),
    };
    let envelope = Envelope::parse(body);
    if let Some(envelope) = &envelope
        && envelope.is_ok()
        && status < 500
    {
        return Ok(envelope.clone());
    }
    let code = envelope.as_ref().and_then(|envelope| envelope.code.clone());
    let class = match code.as_deref().and_then(of_code) {
        Some(Meaning::NotSent(cause)) => cause.class(),
        Some(Meaning::Refused(class) | Meaning::Open(class)) => class,
        None if status == 401 => NotSentCause::Credentials.class(),
        None if status == 429 || status >= 500 => Class::Retryable,
        None => Class::Unknown,
    };
    let msg = envelope.and_then(|envelope| envelope.msg).unwrap_or_default();
    let code = code.map(|code| format!(", code {code}")).unwrap_or_default();
    Err(NoAnswer {
        class,
        reason: tidy(&format!("HTTP {status}{code}: {msg}")),
        retry_after,
    })
}
