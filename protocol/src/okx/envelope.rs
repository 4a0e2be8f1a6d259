//! The envelope around OKX's answers, in every form seen: code as text or number, data as object, array, null
//! or absent, and the bare x402 answer without an envelope.

use serde_json::Value;

/// An answer with its envelope taken off.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// `code` as text; `None` for a bare answer.
    pub code: Option<String>,
    /// `msg`, if it says anything.
    pub msg: Option<String>,
    /// `data`, or the bare answer; null if there is none.
    pub data: Value,
}

impl Envelope {
    /// Reads a body. `None` means it is neither an envelope nor a bare answer.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let bare = ["success", "isValid", "kinds"]
            .iter()
            .any(|member| body.get(member).is_some());
        let code = code_of(&body);
        if code.is_none() && !bare {
            return None;
        }
        let msg = ["msg", "error_message"]
            .iter()
            .find_map(|member| text_of(&body, member));
        let data = match body.get("data") {
            Some(data) if !data.is_null() => data.clone(),
            _ if bare => body,
            _ => Value::Null,
        };
        Some(Self { code, msg, data })
    }

    /// Whether the envelope itself reports no error.
    pub fn is_ok(&self) -> bool {
        self.code.as_deref().is_none_or(|code| code == "0")
    }

    /// The answer: the object in `data`, or the first element of its array.
    pub fn answer(&self) -> &Value {
        match &self.data {
            Value::Array(items) => items.first().unwrap_or(&Value::Null),
            other => other,
        }
    }
}

/// `code`, or `error_code` where that is the one that reports an error.
fn code_of(body: &Value) -> Option<String> {
    let read = |member| match body.get(member) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let (code, error_code) = (read("code"), read("error_code"));
    match (code.as_deref(), error_code.as_deref()) {
        (None | Some("0"), Some(_)) => error_code,
        _ => code,
    }
}

/// A member's text, if it says anything.
pub(super) fn text_of(object: &Value, member: &str) -> Option<String> {
    object
        .get(member)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}
