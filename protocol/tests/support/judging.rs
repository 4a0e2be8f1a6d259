//! Judging the buyer's payment, and changing one thing about it.

use insforge_protocol::evm::Authorization;
use insforge_protocol::judge::{Domains, Verdict, judge_json};
use insforge_protocol::x402::Reason;
use serde_json::Value;

use super::buyer::{NOW, authorization, payment};

pub(crate) fn verdict(payment: &Value, requirements: &Value) -> Verdict {
    judge_json(payment, requirements, Domains::Vouched(&[]), NOW).verdict
}

#[track_caller]
pub(crate) fn refused(payment: &Value, requirements: &Value, code: &str, sqlstate: &str) -> Reason {
    match verdict(payment, requirements) {
        Verdict::Invalid(reason) => {
            assert_eq!((reason.code(), reason.sqlstate()), (code, sqlstate), "{reason}");
            reason
        }
        other => panic!("expected {code}, judged {other:?}"),
    }
}

/// The sound payment, with the authorization changed before signing.
pub(crate) fn signed(change: impl FnOnce(&mut Authorization)) -> Value {
    let mut message = authorization();
    change(&mut message);
    payment(&message)
}

/// A value with one member, given by JSON pointer, replaced.
pub(crate) fn with(mut value: Value, pointer: &str, member: Value) -> Value {
    *value
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("no {pointer}")) = member;
    value
}

pub(crate) fn without(mut value: Value, parent: &str, member: &str) -> Value {
    let parent = value.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    assert!(parent.remove(member).is_some(), "no {member}");
    value
}
