//! JSON as a token may use it: one object, no duplicate member names, bounded nesting.
//!
//! `serde_json` alone keeps the last of two members silently, so that two readers of one token could
//! see two different users; hence this visitor. It already refuses a byte order mark, lone
//! surrogates, invalid UTF-8 and trailing text.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting of arrays and objects; the outermost object counts as one.
const MAX_DEPTH: usize = 64;

/// The member name under which `serde_json` hands over a number when any crate of the build turns on
/// its `arbitrary_precision` feature. Features are global to a build, so both forms must work.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";

/// Why a text is not an acceptable JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonError {
    /// Not JSON, not UTF-8, not an object, or nested too deeply.
    Malformed,
    /// Two members of one object have the same name.
    DuplicateMember,
}

/// Parses exactly one JSON object.
pub(super) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let duplicate = Cell::new(false);
    let node = Node {
        depth: 0,
        duplicate: &duplicate,
    };
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let parsed = node
        .deserialize(&mut input)
        .and_then(|value| input.end().map(|()| value));
    match parsed {
        Ok(Value::Object(members)) => Ok(members),
        _ if duplicate.get() => Err(JsonError::DuplicateMember),
        _ => Err(JsonError::Malformed),
    }
}

/// One value on its way in. `duplicate` tells the caller why the parse stopped, which the parser's
/// own error type cannot carry.
#[derive(Clone, Copy)]
struct Node<'a> {
    depth: usize,
    duplicate: &'a Cell<bool>,
}

impl Node<'_> {
    fn child<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("nested too deeply"));
        }
        Ok(Node {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let child = self.child()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(child)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.is_empty() && name == NUMBER_TOKEN {
                let digits: String = members.next_value()?;
                return Number::from_str(&digits)
                    .map(Value::Number)
                    .map_err(A::Error::custom);
            }
            let value = members.next_value_seed(self.child()?)?;
            if object.insert(name, value).is_some() {
                self.duplicate.set(true);
                return Err(A::Error::custom("duplicate member"));
            }
        }
        self.child::<A::Error>().map(|_| Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_object_is_read_as_serde_json_reads_it() {
        let text = r#"{"a":1,"b":[-2,1.5,true,null,"x\u0000\ud83d\ude00"],"c":{"d":{}}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_object(text.as_bytes()).map(Value::Object), Ok(expected));
    }

    #[test]
    fn a_repeated_member_is_refused_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"x":[{"a":1,"b":2,"a":3}]}"#,
            r#"{"sub":1,"s\u0075b":2}"#,
        ] {
            assert_eq!(
                parse_object(text.as_bytes()),
                Err(JsonError::DuplicateMember),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_one_json_object_is_malformed() {
        let bad: [&[u8]; 12] = [
            b"",
            b"[]",
            b"null",
            b"1",
            b"{} {}",
            b"{\"a\":}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":\"\\udc00x\"}",
            b"{\"a\":NaN}",
            b"{'a':1}",
        ];
        for text in bad {
            assert_eq!(
                parse_object(text),
                Err(JsonError::Malformed),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn sixty_four_levels_pass_and_sixty_five_do_not() {
        let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(parse_object(nested(64).as_bytes()).is_ok());
        assert_eq!(parse_object(nested(65).as_bytes()), Err(JsonError::Malformed));
        let arrays = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(parse_object(arrays.as_bytes()), Err(JsonError::Malformed));
    }
}
