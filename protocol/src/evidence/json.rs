use alloy_primitives::{Address, B256, U256};
use serde_json::Value;

use crate::evm;

/// An answer of a node that is not what the Ethereum JSON-RPC specification says it is. It proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct Malformed {
    /// What was read: a block, a receipt, a log, or a member of one.
    pub what: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A reason to refuse what was read.
pub(super) const fn malformed(what: &'static str, problem: &'static str) -> Malformed {
    Malformed { what, problem }
}

/// Reads a quantity: `0x` and 1 to 16 hex digits.
pub fn hex_quantity(value: &Value, what: &'static str) -> Result<u64, Malformed> {
    value
        .as_str()
        .and_then(|text| text.strip_prefix("0x"))
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or(malformed(what, "is not a hex quantity below 2^64"))
}

pub(super) fn quantity(value: &Value, member: &'static str) -> Result<u64, Malformed> {
    hex_quantity(&value[member], member)
}

/// The quantity, unless it is beyond all reason: then whoever said it is not to be believed in anything.
pub(super) fn within(quantity: u64, last: u64, member: &'static str) -> Result<u64, Malformed> {
    if quantity <= last {
        Ok(quantity)
    } else {
        Err(malformed(member, "is beyond all reason"))
    }
}

pub(super) fn hash(value: &Value, member: &'static str) -> Result<B256, Malformed> {
    text(value, member)
        .and_then(evm::bytes32)
        .ok_or(malformed(member, "is not 32 bytes of hex"))
}

pub(super) fn address(value: &Value, member: &'static str) -> Result<Address, Malformed> {
    text(value, member)
        .and_then(evm::address)
        .ok_or(malformed(member, "is not an address"))
}

pub(super) fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

/// The result of an `eth_call` that returns `bytes32`, such as `DOMAIN_SEPARATOR()`. An address without code
/// answers `0x`, which is refused.
pub fn bytes32_result(result: &Value) -> Result<B256, Malformed> {
    result
        .as_str()
        .and_then(evm::bytes32)
        .ok_or(malformed("eth_call", "did not return 32 bytes"))
}

/// The result of `authorizationState(address,bytes32)` (EIP-3009): whether the nonce is used, by a transfer or by
/// a cancellation. Anything but an ABI `bool` is refused.
pub fn state_result(result: &Value) -> Result<bool, Malformed> {
    match U256::from_be_bytes(bytes32_result(result)?.0) {
        U256::ZERO => Ok(false),
        U256::ONE => Ok(true),
        _ => Err(malformed("authorizationState", "is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_bool_answers_whether_a_nonce_is_used() {
        let word = |last: &str| json!(format!("0x{}{last}", "0".repeat(63)));
        assert_eq!(state_result(&word("0")), Ok(false));
        assert_eq!(state_result(&word("1")), Ok(true));
        for odd in [word("2"), json!("0x"), json!("0x1"), json!(true), Value::Null] {
            assert!(state_result(&odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn a_quantity_is_hex_and_fits_64_bits() {
        assert_eq!(hex_quantity(&json!("0x10"), "number"), Ok(16));
        assert_eq!(hex_quantity(&json!("0xffffffffffffffff"), "number"), Ok(u64::MAX));
        for odd in [
            json!("0x"),
            json!("10"),
            json!(16),
            json!("0x10000000000000000"),
            json!("0x+1"),
        ] {
            assert!(hex_quantity(&odd, "number").is_err(), "{odd}");
        }
    }
}
