//! Paths, read the way the most careless upstream might read them: what two programs could understand
//! differently is refused, so that a priced endpoint cannot be reached under another name.

use percent_encoding::percent_decode_str;

/// A path that every program reads alike: decoded segments, none of them empty but perhaps the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SafePath(Vec<String>);

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the path is ambiguous: it holds dot segments, empty segments, encoded separators or broken escapes; write it plainly"
)]
pub(super) struct Ambiguous;

impl SafePath {
    /// Reads a raw path.
    pub(super) fn read(raw: &str) -> Result<Self, Ambiguous> {
        let rest = raw.strip_prefix('/').ok_or(Ambiguous)?;
        let last = rest.split('/').count() - 1;
        rest.split('/')
            .enumerate()
            .map(|(index, segment)| {
                let decoded = decode(segment)?;
                if decoded.is_empty() && index != last {
                    return Err(Ambiguous);
                }
                Ok(decoded)
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn decode(segment: &str) -> Result<String, Ambiguous> {
    let mut escapes = segment.split('%').skip(1);
    let whole = |escape: &str| escape.len() >= 2 && escape.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    if !escapes.all(whole) {
        return Err(Ambiguous);
    }
    let decoded = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Ambiguous)?
        .into_owned();
    // Some servers decode twice.
    let twice = decoded.contains('%');
    // Some servers cut path parameters off: `..;x` is `..` to them.
    let name = decoded.split(';').next().unwrap_or_default();
    let odd = |c: char| matches!(c, '/' | '\\') || c.is_control();
    if twice || name == "." || name == ".." || decoded.chars().any(odd) {
        return Err(Ambiguous);
    }
    Ok(decoded)
}

/// A route's path: literal segments, `{name}` for any one segment, and `*` at the end for the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    rest: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Any,
}

impl Pattern {
    /// Reads a pattern; `None` unless it begins with a slash, has `*` as its last segment only and names
    /// in both braces.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let segments: Vec<&str> = text.strip_prefix('/')?.split('/').collect();
        let rest = segments.last() == Some(&"*");
        let fixed = &segments[..segments.len() - usize::from(rest)];
        let part = |segment: &&str| match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            Some(name) if !name.is_empty() && !name.contains(['{', '}']) => Some(Part::Any),
            _ if segment.contains(['{', '}', '*', '%', '?', '#']) => None,
            _ => Some(Part::Literal((*segment).to_owned())),
        };
        Some(Self {
            parts: fixed.iter().map(part).collect::<Option<_>>()?,
            rest,
        })
    }

    /// Whether a path is one of those meant. `{name}` stands for a segment that is not empty; `*` for any
    /// number of segments, also none.
    pub(super) fn matches(&self, path: &SafePath) -> bool {
        let segments = &path.0;
        let length = if self.rest {
            segments.len() >= self.parts.len()
        } else {
            segments.len() == self.parts.len()
        };
        length
            && self.parts.iter().zip(segments).all(|(part, segment)| match part {
                Part::Literal(text) => text == segment,
                Part::Any => !segment.is_empty(),
            })
    }
}

/// What a payment is bound to: the path as sent and the query with its members in order, so that a client
/// that writes the same request again in another order is still understood.
pub(super) fn resource(path: &str, query: Option<&str>) -> String {
    let mut members: Vec<&str> = query
        .unwrap_or_default()
        .split('&')
        .filter(|m| !m.is_empty())
        .collect();
    if members.is_empty() {
        return path.to_owned();
    }
    members.sort_unstable();
    format!("{path}?{}", members.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::parse(pattern)
            .unwrap()
            .matches(&SafePath::read(path).unwrap())
    }

    #[test]
    fn a_path_that_an_upstream_could_read_as_another_is_refused() {
        for path in [
            "",
            "report",
            "*",
            "//report",
            "/a//report",
            "/./report",
            "/public/../report",
            "/public/%2e%2e/report",
            "/public/.%2E/report",
            "/public/%252e%252e/report",
            "/public/..;/report",
            "/public/..;a=b/report",
            "/a%2freport",
            "/a%5Creport",
            "/a\\report",
            "/a%00",
            "/a%0d%0ax",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%ff",
            "/a%252fb",
            "/a%25",
        ] {
            assert_eq!(SafePath::read(path), Err(Ambiguous), "{path:?}");
        }
    }

    #[test]
    fn patterns_match_decoded_segments_exactly() {
        assert!(matches("/report", "/report"));
        assert!(
            matches("/report", "/%72eport"),
            "another spelling is the same priced path"
        );
        assert!(!matches("/report", "/report/"));
        assert!(!matches("/report", "/Report"));
        assert!(!matches("/report", "/report;x=1"));
        assert!(matches("/items/{id}", "/items/42"));
        assert!(matches("/items/{id}", "/items/a%20b"));
        assert!(!matches("/items/{id}", "/items/"));
        assert!(!matches("/items/{id}", "/items/1/2"));
        assert!(matches("/files/*", "/files/a/b/c.txt"));
        assert!(matches("/files/*", "/files/"));
        assert!(matches("/*", "/"));
        assert!(!matches("/files/*", "/file/a"));
        assert!(matches("/", "/"));
    }

    #[test]
    fn a_pattern_that_means_something_else_than_it_says_is_no_pattern() {
        for text in [
            "", "report", "/a/*/b", "/a*", "/{}", "/{a", "/a}", "/{a}{b}", "/a%20b", "/a?b", "/a#b",
        ] {
            assert_eq!(Pattern::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_order_of_query_members_does_not_make_another_resource() {
        assert_eq!(resource("/r", Some("b=2&a=1&&a=0")), "/r?a=0&a=1&b=2");
        assert_eq!(resource("/r", Some("")), "/r");
        assert_eq!(resource("/r", None), "/r");
        assert_ne!(resource("/r", Some("a=1")), resource("/r", Some("a=2")));
    }
}
