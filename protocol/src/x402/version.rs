//! Protocol versions.

use serde_json::Value;

use super::Reason;

/// Value of `x402Version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// x402 v1, and the hybrids that wear its number.
    V1,
    /// x402 v2.
    V2,
}

impl Version {
    /// Reads the member `x402Version`. Older OKX guides type it as a string, so `"1"` and `"2"` are taken.
    pub fn read(message: &Value) -> Result<Self, Reason> {
        let member = message.get("x402Version");
        match (member.and_then(Value::as_u64), member.and_then(Value::as_str)) {
            (Some(1), _) | (_, Some("1")) => Ok(Self::V1),
            (Some(2), _) | (_, Some("2")) => Ok(Self::V2),
            _ => Err(Reason::Version),
        }
    }

    /// The integer on the wire.
    pub const fn number(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}
