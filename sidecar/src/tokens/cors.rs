//! Cross-origin requests (Fetch standard §3.2): an explicit list of origins, no credentials.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};
use reqwest::Url;

/// The origins whose pages may call the exchange.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Reads origins such as `https://app.acme.example`.
    ///
    /// # Errors
    /// The first text that is none: one with a path, or `*`.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Origins, String> {
        let read = |text: &str| {
            let origin = Url::parse(text)
                .ok()
                .filter(|url| url.has_host() && !text.contains('*'))
                .map(|url| url.origin().ascii_serialization());
            origin
                .filter(|origin| origin == text.trim_end_matches('/'))
                .ok_or_else(|| text.to_owned())
        };
        origins
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Origins)
    }

    /// Whether no page may ask.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what tells the browser that the page may read the answer, if it may.
    pub(super) fn mark(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        // The answer depends on the origin even where nothing is allowed; a cache must know.
        answer.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = request.get(ORIGIN).filter(|origin| self.allows(origin)) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("retry-after"),
            );
        }
    }

    /// The same for the question that a browser asks first.
    pub(super) fn mark_preflight(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        self.mark(request, answer);
        if answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
            answer.insert(
                ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("authorization, content-type"),
            );
            answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.0.iter().any(|own| own.as_bytes() == origin.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(origin: &'static str) -> HeaderMap {
        let origins = Origins::new(["https://app.acme.example", "http://localhost:3000/"]).unwrap();
        let mut request = HeaderMap::new();
        request.insert(ORIGIN, HeaderValue::from_static(origin));
        let mut answer = HeaderMap::new();
        origins.mark_preflight(&request, &mut answer);
        answer
    }

    #[test]
    fn listed_origins_are_answered_by_name_and_others_not_at_all() {
        for origin in ["https://app.acme.example", "http://localhost:3000"] {
            assert_eq!(preflight(origin)[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
        }
        for origin in [
            "https://evil.example",
            "null",
            "https://app.acme.example.evil.example",
            "http://app.acme.example",
        ] {
            let answer = preflight(origin);
            assert_eq!(answer.len(), 1, "{origin}: {answer:?}");
            assert_eq!(answer[VARY], "origin");
        }
    }

    #[test]
    fn a_wildcard_a_path_or_a_bare_name_is_no_origin() {
        for text in [
            "*",
            "https://app.acme.example/login",
            "app.acme.example",
            "https://*.acme.example",
            "",
        ] {
            assert_eq!(Origins::new([text]).map(|_| ()), Err(text.to_owned()));
        }
    }
}
