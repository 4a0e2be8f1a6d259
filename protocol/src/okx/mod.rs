//! OKX's x402 facilitator: what to send, how to sign it, and what each answer means for the money.

mod answer;
mod envelope;
mod generation;
mod meaning;
mod outcome;
mod request;
mod sign;
mod status;
mod supported;
mod verify;

pub use answer::Asked;
pub use envelope::Envelope;
pub use generation::{Endpoint, Generation};
pub use meaning::{Class, NotSentCause};
pub use outcome::{Call, Outcome, Settlement, settle_outcome};
pub use request::{settle_body, status_path, verify_body};
pub use sign::{prehash, sign, timestamp};
pub use status::{HashStatus, hash_status};
pub use supported::{Kind, supported_kinds};
pub use verify::{NoAnswer, VerifyAnswer, refuses_timestamp, verify_answer};

#[cfg(test)]
mod tests;
