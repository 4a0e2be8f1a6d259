//! Reading members of a message, with errors that name the member.

use alloy_primitives::{Address, B256, U256};
use serde_json::Value;

use crate::evm;

/// A member that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct Malformed {
    /// The member's name on the wire.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// Absent, or null.
    #[error("is missing")]
    Missing,
    /// Must be an object.
    #[error("must be a JSON object")]
    NotObject,
    /// Must be a string; amounts and times are strings so that no reader rounds them.
    #[error("must be a JSON string")]
    NotString,
    /// Must be a canonical decimal below 2^256.
    #[error("must be a whole number in decimal digits, without sign, point or leading zero, below 2^256")]
    NotUint256,
    /// Must be an address.
    #[error("must be an address: 0x and 40 hex digits")]
    NotAddress,
    /// Must be 32 bytes.
    #[error("must be 32 bytes: 0x and 64 hex digits")]
    NotBytes32,
    /// Must be a whole number of seconds above zero.
    #[error("must be a whole number of seconds above zero")]
    NotSeconds,
    /// Is the zero address.
    #[error("must not be the zero address")]
    ZeroAddress,
    /// Two members that mean the same thing differ.
    #[error("is given twice with different values")]
    Contradiction,
    /// Must not be there.
    #[error("must not be there")]
    Unexpected,
}

impl Problem {
    /// This problem, found in `field`.
    pub const fn of(self, field: &'static str) -> Malformed {
        Malformed { field, problem: self }
    }
}

/// The member, unless it is absent or null: senders write null for "none".
pub(super) fn optional<'a>(object: &'a Value, field: &'static str) -> Option<&'a Value> {
    object.get(field).filter(|value| !value.is_null())
}

pub(super) fn required<'a>(object: &'a Value, field: &'static str) -> Result<&'a Value, Malformed> {
    optional(object, field).ok_or(Problem::Missing.of(field))
}

pub(super) fn object<'a>(parent: &'a Value, field: &'static str) -> Result<&'a Value, Malformed> {
    let value = required(parent, field)?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Problem::NotObject.of(field))
    }
}

pub(super) fn text<'a>(value: &'a Value, field: &'static str) -> Result<&'a str, Malformed> {
    value.as_str().ok_or(Problem::NotString.of(field))
}

pub(super) fn required_text<'a>(object: &'a Value, field: &'static str) -> Result<&'a str, Malformed> {
    text(required(object, field)?, field)
}

pub(super) fn optional_text(object: &Value, field: &'static str) -> Result<Option<String>, Malformed> {
    optional(object, field)
        .map(|value| text(value, field).map(str::to_owned))
        .transpose()
}

pub(super) fn uint256(object: &Value, field: &'static str) -> Result<U256, Malformed> {
    evm::uint256(required_text(object, field)?).ok_or(Problem::NotUint256.of(field))
}

pub(super) fn address(object: &Value, field: &'static str) -> Result<Address, Malformed> {
    evm::address(required_text(object, field)?).ok_or(Problem::NotAddress.of(field))
}

pub(super) fn bytes32(object: &Value, field: &'static str) -> Result<B256, Malformed> {
    evm::bytes32(required_text(object, field)?).ok_or(Problem::NotBytes32.of(field))
}

pub(super) fn seconds(object: &Value, field: &'static str) -> Result<Option<u64>, Malformed> {
    let read = |value: &Value| {
        value
            .as_u64()
            .filter(|s| *s > 0)
            .ok_or(Problem::NotSeconds.of(field))
    };
    optional(object, field).map(read).transpose()
}
