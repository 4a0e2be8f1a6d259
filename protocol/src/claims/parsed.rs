use serde_json::{Map, Value};

use super::subject::usable_subject;

/// Why the setting holds no claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Empty or blank: a pooled connection after a transaction-local setting ended. Quite normal.
    Blank,
    /// Text that is not JSON. Somebody set the variable wrongly; worth a warning.
    NotJson,
    /// JSON, but not an object.
    NotAnObject,
}

/// Claims that parsed as one JSON object. Of duplicate members the last one counts, as in `jsonb`.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    members: Map<String, Value>,
    subject: Option<String>,
}

impl Claims {
    /// Reads the bytes of the setting.
    ///
    /// # Errors
    /// [`Unusable`] says why there are no claims; each case means "no identity".
    pub fn parse(setting: &[u8]) -> Result<Claims, Unusable> {
        if setting.iter().all(u8::is_ascii_whitespace) {
            return Err(Unusable::Blank);
        }
        match serde_json::from_slice(setting) {
            Ok(Value::Object(members)) => {
                let subject = members
                    .get("sub")
                    .and_then(Value::as_str)
                    .and_then(usable_subject);
                Ok(Claims {
                    subject: subject.map(str::to_owned),
                    members,
                })
            }
            Ok(_) => Err(Unusable::NotAnObject),
            Err(_) => Err(Unusable::NotJson),
        }
    }

    /// The caller's user id (`sub`), if it is a usable string.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// A top-level claim that is a string without NUL.
    pub fn string(&self, name: &str) -> Option<&str> {
        self.members
            .get(name)
            .and_then(Value::as_str)
            .filter(|s| !s.contains('\0'))
    }

    /// The claim at `path` as text: strings bare, other values as JSON; `None` for null, for a path
    /// that leads nowhere and for text that SQL cannot hold. Path elements index arrays as well.
    pub fn text_at<S: AsRef<str>>(&self, path: &[S]) -> Option<String> {
        let (first, rest) = path.split_first()?;
        let start = self.members.get(first.as_ref())?;
        let found = rest
            .iter()
            .try_fold(start, |value, key| step(value, key.as_ref()))?;
        let text = match found {
            Value::Null => return None,
            Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        (!text.contains('\0') && !text.contains("\\u0000")).then_some(text)
    }

    /// Whether every name and string is ASCII, which each encoding of a database spells alike.
    pub fn is_ascii(&self) -> bool {
        serde_json::to_string(&self.members).is_ok_and(|text| text.is_ascii())
    }

    /// All claims as JSON text that `jsonb` accepts, or `None` if a string holds NUL.
    pub fn to_json(&self) -> Option<String> {
        let text = serde_json::to_string(&self.members).ok()?;
        (!text.contains("\\u0000")).then_some(text)
    }
}

fn step<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(setting: &str) -> Option<String> {
        Claims::parse(setting.as_bytes())
            .ok()
            .and_then(|c| c.subject().map(str::to_owned))
    }

    #[test]
    fn only_a_string_subject_identifies() {
        assert_eq!(
            subject(r#"{"sub":"user_2xPnG8"}"#).as_deref(),
            Some("user_2xPnG8")
        );
        for none in [
            "",
            "   ",
            "{}",
            r#"{"sub":null}"#,
            r#"{"sub":""}"#,
            "not json",
            "null",
            r#""str""#,
            r#"[{"sub":"x"}]"#,
            r#"{"sub":123}"#,
            r#"{"sub":1e400}"#,
            r#"{"sub":true}"#,
            r#"{"sub":{"a":1}}"#,
            r#"{"sub":"  "}"#,
            r#"{"sub":"a\u0000b"}"#,
            r#"{"sub":"\ud800"}"#,
            r#"{"claims":{"sub":"x"}}"#,
        ] {
            assert_eq!(subject(none), None, "{none}");
        }
    }

    #[test]
    fn the_last_of_duplicate_subjects_counts() {
        assert_eq!(subject(r#"{"sub":"a","sub":"b"}"#).as_deref(), Some("b"));
        assert_eq!(subject(r#"{"sub":"a","sub":null}"#), None);
    }

    #[test]
    fn a_path_reads_nested_members_and_array_items_as_text() -> Result<(), Unusable> {
        let c = Claims::parse(br#"{"a":{"b":[1,{"c":"x"}]},"n":null,"f":1.5,"t":true}"#)?;
        assert_eq!(c.text_at(&["a", "b", "1", "c"]).as_deref(), Some("x"));
        assert_eq!(c.text_at(&["a", "b"]).as_deref(), Some(r#"[1,{"c":"x"}]"#));
        assert_eq!(c.text_at(&["f"]).as_deref(), Some("1.5"));
        assert_eq!(c.text_at(&["t"]).as_deref(), Some("true"));
        for none in [&["n"][..], &["a", "x"], &["a", "b", "9"], &["f", "x"], &[]] {
            assert_eq!(c.text_at(none), None, "{none:?}");
        }
        Ok(())
    }

    #[test]
    fn escapes_are_looked_behind_for_characters_beyond_ascii() -> Result<(), Unusable> {
        assert!(Claims::parse(br#"{"sub":"\u0061","o":["b"]}"#)?.is_ascii());
        assert!(!Claims::parse(br#"{"sub":"\u00e9"}"#)?.is_ascii());
        assert!(!Claims::parse(br#"{"sub":"a","o":["\u00e9"]}"#)?.is_ascii());
        Ok(())
    }

    #[test]
    fn text_that_sql_cannot_hold_is_absent() -> Result<(), Unusable> {
        let c = Claims::parse(br#"{"email":"a\u0000b","o":{"x":"\u0000"},"role":"anon"}"#)?;
        assert_eq!(c.string("email"), None);
        assert_eq!(c.text_at(&["o"]), None);
        assert_eq!(c.to_json(), None);
        assert_eq!(c.string("role"), Some("anon"));
        Ok(())
    }
}
