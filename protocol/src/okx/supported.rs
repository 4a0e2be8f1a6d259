//! Answers of `/supported`.

use serde_json::Value;

use super::meaning::Class;
use super::outcome::Call;
use super::verify::{NoAnswer, open_envelope};
use crate::x402::{Network, Scheme, Version};

/// Something the facilitator settles.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// Protocol version.
    pub version: Version,
    /// Scheme.
    pub scheme: Scheme,
    /// Chain.
    pub network: Network,
    /// What the scheme needs to know, if given.
    pub extra: Option<Value>,
}

/// Reads what happened on a call of `/supported`: generation 2's `kinds`, or generation 1's array with
/// `chainIndex`. Entries for versions or networks that we do not know are left out.
pub fn supported_kinds(call: &Call) -> Result<Vec<Kind>, NoAnswer> {
    let envelope = open_envelope(call)?;
    let kinds = envelope.data.get("kinds").unwrap_or(&envelope.data);
    match kinds.as_array() {
        Some(kinds) => Ok(kinds.iter().filter_map(read).collect()),
        None => Err(NoAnswer {
            class: Class::Unknown,
            reason: "the answer of /supported lists nothing".to_owned(),
            retry_after: None,
        }),
    }
}

fn read(kind: &Value) -> Option<Kind> {
    let index = kind.get("chainIndex").and_then(Value::as_u64).map(Network::new);
    let named = ["network", "chainIndex"]
        .iter()
        .find_map(|member| kind.get(member)?.as_str()?.parse().ok());
    Some(Kind {
        version: Version::read(kind).ok()?,
        scheme: Scheme::parse(kind.get("scheme")?.as_str()?),
        network: named.or(index)?,
        extra: kind.get("extra").filter(|extra| !extra.is_null()).cloned(),
    })
}
