use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How `code` is written: documents say text, the SDKs read numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeForm {
    /// `"code":"0"`
    Text,
    /// `"code":0`
    Number,
}

/// How `data` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataForm {
    /// `"data":{…}`, null on errors.
    Object,
    /// `"data":[{…}]`, empty on errors.
    Array,
    /// No envelope around an answer; `"data":{}` on errors.
    Bare,
}

/// The envelope that answers go into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) code: CodeForm,
    pub(super) data: DataForm,
}

impl Envelope {
    pub(super) fn answer(self, data: Value) -> Value {
        match self.data {
            DataForm::Bare => data,
            DataForm::Object => json!({"code": self.code("0"), "msg": "", "data": data}),
            DataForm::Array if data.is_array() => json!({"code": self.code("0"), "msg": "", "data": data}),
            DataForm::Array => json!({"code": self.code("0"), "msg": "", "data": [data]}),
        }
    }

    pub(super) fn error(self, code: &str, msg: &str) -> Value {
        let data = match self.data {
            DataForm::Object => Value::Null,
            DataForm::Array => json!([]),
            DataForm::Bare => json!({}),
        };
        json!({"code": self.code(code), "msg": msg, "data": data})
    }

    fn code(self, code: &str) -> Value {
        match (self.code, code.parse::<u32>()) {
            (CodeForm::Number, Ok(number)) => json!(number),
            _ => json!(code),
        }
    }
}
