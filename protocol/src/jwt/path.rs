use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a claim stands: a list of steps from the token's payload inwards.
///
/// A list of keys instead of a dotted string, because providers name claims after URLs
/// (`https://stytch.com/session`). In JSON: `["https://stytch.com/session", "roles", "*"]`, where a
/// string is an object key, a number an array index, and `"*"` every element of an array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StepText", into = "StepText")]
pub enum Step {
    /// The member of an object with exactly this name.
    Key(String),
    /// The element of an array at this position, from 0.
    Index(usize),
    /// Every element of an array, in order.
    Each,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StepText {
    Index(usize),
    Name(String),
}

impl Path {
    /// A path of object keys and `"*"`.
    pub fn new(steps: &[&str]) -> Path {
        Path(
            steps
                .iter()
                .map(|step| StepText::Name((*step).to_owned()).into())
                .collect(),
        )
    }

    /// Every value the path leads to, in the token's order.
    pub(super) fn values<'a>(&self, claims: &'a Map<String, Value>) -> Vec<&'a Value> {
        let Some((Step::Key(first), rest)) = self.0.split_first() else {
            return Vec::new();
        };
        let start: Vec<&Value> = claims.get(first).into_iter().collect();
        rest.iter().fold(start, |found, step| {
            found.into_iter().flat_map(|value| step.enter(value)).collect()
        })
    }
}

impl Step {
    fn enter<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Step::Key(name) => value.get(name).into_iter().collect(),
            Step::Index(position) => value.get(*position).into_iter().collect(),
            Step::Each => value.as_array().into_iter().flatten().collect(),
        }
    }
}

impl From<StepText> for Step {
    fn from(text: StepText) -> Step {
        match text {
            StepText::Index(position) => Step::Index(position),
            StepText::Name(name) if name == "*" => Step::Each,
            StepText::Name(name) => Step::Key(name),
        }
    }
}

impl From<Step> for StepText {
    fn from(step: Step) -> StepText {
        match step {
            Step::Index(position) => StepText::Index(position),
            Step::Each => StepText::Name("*".to_owned()),
            Step::Key(name) => StepText::Name(name),
        }
    }
}

/// Where a provider keeps each part of the identity. For each, the first path that leads to a value
/// of the right type wins; a value of a wrong type counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimPaths {
    /// The user's id; `sub` unless the provider's stable id stands elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Vec<Path>>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Vec<Path>>,
    /// Whether the address is verified; where this says `false`, the address is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<Vec<Path>>,
    /// The active organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<Vec<Path>>,
    /// The user's role in the active organisation. Never a Postgres role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_role: Option<Vec<Path>>,
    /// The user's permissions in the active organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Path>>,
    /// The provider's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Vec<Path>>,
    /// Who acts in the user's name (RFC 8693 §4.1), for example a support agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Vec<Path>>,
}

impl ClaimPaths {
    /// These paths, with `defaults` where none are given.
    pub(super) fn or(self, defaults: ClaimPaths) -> ClaimPaths {
        ClaimPaths {
            user_id: self.user_id.or(defaults.user_id),
            email: self.email.or(defaults.email),
            email_verified: self.email_verified.or(defaults.email_verified),
            org_id: self.org_id.or(defaults.org_id),
            org_role: self.org_role.or(defaults.org_role),
            permissions: self.permissions.or(defaults.permissions),
            session_id: self.session_id.or(defaults.session_id),
            actor: self.actor.or(defaults.actor),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_reaches_through_url_names_arrays_and_indices() {
        let claims = json!({"https://x.example/s": {"roles": ["a", "b"], "f": [{"e": 1}, {}, {"e": 2}]}});
        let claims = claims.as_object().unwrap();
        let read = |path: &str| -> Vec<Value> {
            let path: Path = serde_json::from_str(path).unwrap();
            path.values(claims).into_iter().cloned().collect()
        };
        assert_eq!(
            read(r#"["https://x.example/s","roles","*"]"#),
            [json!("a"), json!("b")]
        );
        assert_eq!(read(r#"["https://x.example/s","roles",1]"#), [json!("b")]);
        assert_eq!(
            read(r#"["https://x.example/s","f","*","e"]"#),
            [json!(1), json!(2)]
        );
        for nothing in [
            r#"[]"#,
            r#"["nope"]"#,
            r#"[0]"#,
            r#"["*"]"#,
            r#"["https://x.example/s","roles","k"]"#,
        ] {
            assert_eq!(read(nothing), [] as [Value; 0], "{nothing}");
        }
    }

    #[test]
    fn a_path_is_written_as_it_was_read() {
        let text = r#"["a.b","*",3]"#;
        let path: Path = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&path).unwrap(), text);
    }
}
